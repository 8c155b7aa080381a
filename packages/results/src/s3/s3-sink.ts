import type { RecordLine } from '@fetchfleet/crawl';
import { assertWorkerId } from '../folder/layout.ts';
import { type Gathering, type Sink, SinkError } from '../sink/sink.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import { S3BatchWriter } from './batch-writer.ts';
import type { Bucket } from './bucket.ts';
import type { S3Layout } from './layout.ts';
import { S3Marker } from './marker.ts';

/** Batches whose next number is remembered. Others find theirs when their first one is taken. */
const MAX_WRITERS = 1024;

/** Writes records to a bucket: an object for each flush of a batch. */
export class S3Sink implements Sink {
  /** Each flush is a request that is paid for, and an object that readers fetch. */
  readonly gathering: Gathering = { ms: 1000, bytes: 8 * 1024 * 1024 };
  readonly #options: SinkOptions & { readonly bucket: Bucket; readonly layout: S3Layout };
  readonly #marker: S3Marker;
  /** Least recently used first. */
  readonly #writers = new Map<string, S3BatchWriter>();
  #isStopped = false;

  constructor(bucket: Bucket, layout: S3Layout, options: SinkOptions) {
    assertWorkerId(options.worker);
    this.#options = { ...options, bucket, layout };
    this.#marker = new S3Marker(bucket, layout.marker);
  }

  get id(): string | undefined {
    return this.#marker.id;
  }

  async start(): Promise<void> {
    await this.#marker.open();
  }

  async assertSame(): Promise<void> {
    await this.#marker.assertSame();
  }

  async append(batch: string, lines: readonly RecordLine[]): Promise<void> {
    if (this.#isStopped) {
      const { bucket, layout } = this.#options;
      throw new SinkError('write to', bucket.addressOf(layout.root), 'the sink is stopped');
    }
    if (lines.length === 0) {
      return;
    }
    const writer = this.#writer(batch);
    try {
      await writer.append(lines);
    } finally {
      this.#forgetIdle();
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#writers.values()].map(async (writer) => writer.release()));
  }

  #writer(batch: string): S3BatchWriter {
    const known = this.#writers.get(batch);
    const writer = known ?? new S3BatchWriter({ ...this.#options, marker: this.#marker, batch });
    this.#writers.delete(batch);
    this.#writers.set(batch, writer);
    return writer;
  }

  #forgetIdle(): void {
    for (const [batch, writer] of this.#writers) {
      if (this.#writers.size <= MAX_WRITERS) {
        return;
      }
      if (writer.isIdle) {
        this.#writers.delete(batch);
      }
    }
  }
}
