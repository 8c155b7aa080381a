import { type RecordLine, toError } from '@fetchfleet/crawl';
import {
  formatManifest,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from '../folder/manifest.ts';
import { UNKNOWN_TOTAL_RECHECK_MS } from '../sink/batch-writer.ts';
import { type FlushEvent, GroupCommit, linesOf } from '../sink/group-commit.ts';
import { encodeLines } from '../sink/encode-lines.ts';
import { SinkError } from '../sink/sink.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import { compressFrame } from '../zstd/compress-frame.ts';
import type { Bucket } from './bucket.ts';
import { partNumber, type S3Layout } from './layout.ts';
import type { S3Marker } from './marker.ts';

export interface BatchWriterOptions extends SinkOptions {
  readonly bucket: Bucket;
  readonly layout: S3Layout;
  readonly marker: S3Marker;
  readonly batch: string;
}

/**
 * Writes the parts of one batch, an object for each flush.
 *
 * An object is only created, never replaced. Where an answer was lost, the request is sent again
 * and the server says that the object exists (412). Then it is read: if it has the same bytes, the
 * flush has been durable since the lost answer; otherwise another number is used.
 */
export class S3BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #commits: GroupCommit;
  #nextPart = 1;
  /** Time of the next manifest check, on the `performance.now()` clock. */
  #manifestDueAtMs = 0;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    // Throws if the id of the batch is none.
    options.layout.folder(options.batch);
    this.#commits = new GroupCommit({
      flush: async (appends) => ({ durable: Promise.resolve(await this.#flush(linesOf(appends))) }),
      observe: options.observe ?? (() => undefined),
    });
  }

  get isIdle(): boolean {
    return this.#commits.isIdle;
  }

  async append(lines: readonly RecordLine[]): Promise<void> {
    return this.#commits.append(this.#options.batch, lines);
  }

  /** Flushes pending appends. */
  async release(): Promise<void> {
    await this.#commits.release();
  }

  async #flush(lines: readonly RecordLine[]): Promise<FlushEvent> {
    const startedAt = performance.now();
    const body = await frameOf(lines);
    await this.#writeManifest(startedAt);
    const [part, marker] = await Promise.allSettled([
      this.#writePart(body),
      this.#options.marker.assertSame(),
    ]);
    // If another place is here, that is the reason to tell.
    for (const result of [marker, part]) {
      if (result.status === 'rejected') {
        this.#manifestDueAtMs = 0;
        throw result.reason;
      }
    }
    return { kind: 'flushed', bytes: body.length, durationMs: performance.now() - startedAt };
  }

  async #writePart(body: Buffer): Promise<void> {
    const { bucket, layout, batch, worker } = this.#options;
    for (;;) {
      const key = layout.part(batch, worker, this.#nextPart);
      try {
        if ((await bucket.create(key, body)) || (await this.#has(key, body))) {
          this.#nextPart += 1;
          return;
        }
        this.#nextPart = await this.#unusedNumber();
      } catch (error) {
        throw new SinkError('write', bucket.addressOf(key), toError(error).message);
      }
    }
  }

  async #has(key: string, body: Buffer): Promise<boolean> {
    const present = await this.#options.bucket.read(key, body.length);
    return present?.equals(body) ?? false;
  }

  /** A worker of this id that ran before may have written many: they are not tried one by one. */
  async #unusedNumber(): Promise<number> {
    const { bucket, layout, batch, worker } = this.#options;
    const prefix = layout.partsOf(batch, worker);
    let last = this.#nextPart;
    for await (const { key } of bucket.list(prefix, { isFlat: true })) {
      last = Math.max(last, partNumber(key));
    }
    return last + 1;
  }

  /**
   * A manifest without a total is only created, so a known total is never lost. All workers know
   * the same total.
   */
  async #writeManifest(now: number): Promise<void> {
    if (now < this.#manifestDueAtMs) {
      return;
    }
    const { bucket, layout, batch, manifest: ask, marker } = this.#options;
    await marker.assertSame();
    const manifest = await ask(batch);
    const key = layout.manifest(batch);
    try {
      await ensureManifest(bucket, key, manifest);
    } catch (error) {
      throw new SinkError('write the manifest', bucket.addressOf(key), toError(error).message);
    }
    this.#manifestDueAtMs = manifest.total > 0 ? Infinity : now + UNKNOWN_TOTAL_RECHECK_MS;
  }
}

async function ensureManifest(bucket: Bucket, key: string, manifest: Manifest): Promise<void> {
  const text = await bucket.read(key, MAX_MANIFEST_BYTES);
  const present = text && parseManifest(text.toString('utf8'), manifest.batch);
  if (present !== undefined && (present.total > 0 || manifest.total === 0)) {
    return;
  }
  const body = Buffer.from(formatManifest(manifest));
  await (manifest.total > 0 ? bucket.put(key, body) : bucket.create(key, body));
}

async function frameOf(lines: readonly RecordLine[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await compressFrame(encodeLines(lines), async (chunk) => {
    chunks.push(chunk);
  });
  return Buffer.concat(chunks);
}
