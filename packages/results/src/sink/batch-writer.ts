import type { RecordLine } from '@fetchfleet/crawl';
import { makeFolderIn } from '../folder/durable-folder.ts';
import { batchFolder, type Compression } from '../folder/layout.ts';
import { ensureManifest, type Manifest } from '../folder/manifest.ts';
import { refuseLink } from '../folder/regular-file.ts';
import { type Flush, type FlushEvent, GroupCommit, linesOf } from './group-commit.ts';
import { Part } from './part.ts';
import type { ResultsRoot } from './results-root.ts';
import { SinkError } from './sink.ts';

/** Interval between requests for a manifest whose total is unknown. */
export const UNKNOWN_TOTAL_RECHECK_MS = 1000;

export interface BatchWriterOptions {
  readonly dir: string;
  readonly root: Pick<ResultsRoot, 'assertSame'>;
  readonly batch: string;
  readonly worker: string;
  readonly compression: Compression;
  readonly maxPartBytes: number;
  readonly manifest: (batch: string) => Promise<Manifest>;
  readonly observe: (event: FlushEvent) => void;
}

/** Writes the parts of one batch. A flush is written while the one before it is synced. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #folder: string;
  readonly #commits: GroupCommit;
  #part: Part | undefined;
  #nextPart = 1;
  /** Time of the next manifest check, on the `performance.now()` clock. */
  #manifestDueAtMs = 0;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#folder = batchFolder(options.dir, options.batch);
    this.#commits = new GroupCommit({
      flush: async (appends) => this.#flush(linesOf(appends)),
      close: async () => this.#close(),
      observe: options.observe,
    });
  }

  get isOpen(): boolean {
    return this.#part?.isOpen ?? false;
  }

  get isIdle(): boolean {
    return this.#commits.isIdle;
  }

  async append(lines: readonly RecordLine[]): Promise<void> {
    return this.#commits.append(this.#options.batch, lines);
  }

  /** Flushes pending appends and closes the file. A later append opens it again. */
  async release(): Promise<void> {
    await this.#commits.release();
  }

  async #flush(lines: readonly RecordLine[]): Promise<Flush> {
    const startedAt = performance.now();
    await this.#writeManifest(startedAt);
    const part = await this.#openPart();
    let bytes: number;
    try {
      bytes = await part.write(lines);
    } catch (error) {
      throw await this.#failure(part, error);
    }
    return { durable: this.#sync(part, { bytes, startedAt }) };
  }

  async #sync(
    part: Part,
    { bytes, startedAt }: { readonly bytes: number; readonly startedAt: number },
  ): Promise<FlushEvent> {
    try {
      await part.sync();
    } catch (error) {
      throw await this.#failure(part, error);
    }
    return { kind: 'flushed', bytes, durationMs: performance.now() - startedAt };
  }

  /** Abandons the part. @returns what to tell whoever appended */
  async #failure(part: Part, error: unknown): Promise<unknown> {
    await this.#abandon(part);
    try {
      // If another folder is at the path, that is the reason to tell.
      await this.#assertRoot();
    } catch (reason) {
      return reason;
    }
    return new SinkError('append to', part.path, error);
  }

  /** An open part would keep the volume that it is on from being repaired. */
  async #assertRoot(): Promise<void> {
    try {
      await this.#options.root.assertSame();
    } catch (error) {
      await this.#abandon(this.#part);
      throw error;
    }
  }

  async #abandon(part: Part | undefined): Promise<void> {
    if (part === this.#part) {
      this.#part = undefined;
      this.#manifestDueAtMs = 0;
    }
    await part?.abandon();
    // An empty part was removed. Its number is used again, or a full disk would use up numbers.
    if (part?.length === 0 && part.number === this.#nextPart - 1) {
      this.#nextPart = part.number;
    }
  }

  async #writeManifest(now: number): Promise<void> {
    if (now < this.#manifestDueAtMs) {
      return;
    }
    const { dir, batch } = this.#options;
    await this.#assertRoot();
    const manifest = await this.#options.manifest(batch);
    try {
      await ensureManifest(dir, manifest);
    } catch (error) {
      throw new SinkError('write the manifest in', this.#folder, error);
    }
    this.#manifestDueAtMs = manifest.total > 0 ? Infinity : now + UNKNOWN_TOTAL_RECHECK_MS;
  }

  async #openPart(): Promise<Part> {
    if (this.#part !== undefined && this.#part.size < this.#options.maxPartBytes) {
      return this.#part;
    }
    await this.#part?.close();
    this.#part = undefined;
    await this.#assertRoot();
    const { worker, compression } = this.#options;
    try {
      await makeFolderIn(this.#folder);
      await refuseLink(this.#folder);
      const first = { worker, number: this.#nextPart, compression };
      this.#part = await Part.create(this.#folder, first);
    } catch (error) {
      this.#manifestDueAtMs = 0;
      throw new SinkError('create a part in', this.#folder, error);
    }
    this.#nextPart = this.#part.number + 1;
    // From now on the path of the part, which is looked at with every flush, shows the same.
    await this.#assertRoot();
    return this.#part;
  }

  async #close(): Promise<void> {
    // Its content is already durable, so an error of `close` loses nothing.
    await Promise.allSettled([this.#part?.close()]);
  }
}
