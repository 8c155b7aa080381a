import { Writable } from 'node:stream';
import { toError } from '@fetchfleet/crawl';
import { exportBatch } from '../export/export-batch.ts';
import { linePrefix, readIndex, readRank } from '../folder/record-line.ts';
import { type FailedRecord, parseFailedRecord } from './failed-record.ts';

interface StreamOptions {
  /** Results folder, or several: the batch has records in each. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  /** Fetches of the batch. Records with a higher index are not of it. */
  readonly total: number;
  readonly signal?: AbortSignal;
  /** Called for each failed fetch, in the order of the crawl. The next one waits for it. */
  readonly onFailure: (record: FailedRecord) => void | Promise<void>;
}

/**
 * Every failed fetch of a batch, with the record that an export would write. Memory does not grow
 * with the batch.
 *
 * @returns a sentence for each part that was not read, because it is no regular file
 * @throws what an export throws, and what `onFailure` throws
 */
export async function streamFailures(options: StreamOptions): Promise<readonly string[]> {
  const { dir, batch, total, signal, onFailure } = options;
  const prefix = linePrefix(batch);
  const lines = new LineStream((line) => {
    const index = readIndex(line, 0, prefix);
    const isFailed = index >= 0 && readRank(line)?.isOk === false;
    const record = isFailed ? parseFailedRecord(line, index) : undefined;
    return record === undefined ? undefined : onFailure(record);
  });
  const { skippedParts } = await exportBatch({
    dir,
    batch,
    total,
    format: 'ndjson',
    out: lines,
    ...(signal !== undefined && { signal }),
  });
  return skippedParts;
}

const NEWLINE = 0x0a;

type OnLine = (line: Buffer) => void | Promise<void>;

/** Calls a function for each line that is written, and waits for it. */
class LineStream extends Writable {
  readonly #onLine: OnLine;
  #rest: Buffer[] = [];

  constructor(onLine: OnLine) {
    super();
    this.#onLine = onLine;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    void this.#accept(chunk, done);
  }

  async #accept(chunk: Buffer, done: (error?: Error) => void): Promise<void> {
    try {
      await this.#read(chunk);
    } catch (error) {
      done(toError(error));
      return;
    }
    done();
  }

  async #read(chunk: Buffer): Promise<void> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, end);
      const line = this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail]);
      this.#rest = [];
      from = end + 1;
      // Most lines are successes, for which nothing is waited.
      const pending = this.#onLine(line);
      if (pending !== undefined) {
        await pending;
      }
    }
    if (from < chunk.length) {
      this.#rest.push(chunk.subarray(from));
    }
  }
}
