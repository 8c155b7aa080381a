import type { Writable } from 'node:stream';
import { findParts } from '../folder/layout.ts';
import { firstManifest, type Manifest } from '../folder/manifest.ts';
import type { MissingBodies } from './body-sources.ts';
import { encoderOf } from './encoder.ts';
import { Output } from './output.ts';
import { PartFiles } from './part-files.ts';
import { PartsIndexer } from './parts-indexer.ts';
import { type UnchangedMode, UnchangedRecords } from './unchanged-records.ts';
import { type Window, WindowReader } from './window-reader.ts';

/** Which records to read. */
export interface ReadOptions {
  /** Results folder, or several: the batch has records in each. */
  readonly dir: string | readonly string[];
  readonly batch: string;
  /**
   * Most records in the in-memory index, 8 bytes each. Larger batches are exported in ranges of
   * this many indexes. @default 4,194,304 (32 MiB)
   */
  readonly maxIndexedRecords?: number;
  /** Only the records of these indexes, the end excluded. @default all */
  readonly range?: readonly [from: number, to: number];
  /** Fetches of the batch, if the manifest has no total. @default the highest index plus one */
  readonly total?: number;
  /**
   * What becomes of records whose bodies are in earlier batches: they get these bodies, are left
   * out, or stay as they are. @default 'fill'
   */
  readonly unchanged?: UnchangedMode | undefined;
  readonly signal?: AbortSignal;
  /** Called with the bytes read so far and the bytes to read in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ExportOptions extends ReadOptions {
  readonly format: 'ndjson' | 'csv';
  /**
   * Write CSV in which no cell is a formula for a spreadsheet. Takes several times as long.
   *
   * @default false
   */
  readonly isCsvSafe?: boolean;
  /** The export does not end the stream. Errors of the stream (`EPIPE`) reject the export. */
  readonly out: Writable;
  /**
   * Reuse the memory of a chunk after its write callback. Right for files and pipes; wrong for
   * streams that keep chunks or pass them on. @default false
   */
  readonly reuseChunks?: boolean;
}

export interface ExportSummary {
  /** Records written. */
  readonly written: number;
  /** Fetches without a record, or without one of their pages. */
  readonly missing: number;
  /** Lines that are not records: torn by a crash, damaged, or with an index beyond the total. */
  readonly skippedLines: number;
  /** A sentence for each part that was not read, because it is no regular file. */
  readonly skippedParts: readonly string[];
  /** Records with the body of an earlier batch; only of a batch that has such records. */
  readonly unchanged?: number;
  /** Those among them that were written without a body, because it is not there any more. */
  readonly missingBodies?: readonly MissingBodies[];
}

const MAX_INDEXED_RECORDS = 2 ** 22;

/** Takes the records of a batch, in index order. */
export interface WindowTarget {
  write(window: Window): Promise<void>;
  /** After the last window. */
  end(summary: ExportSummary): Promise<void>;
  /** Lines that looked like records but were not valid JSON. */
  readonly invalid: number;
  /** Whether the memory of a window is in use after `write`. */
  readonly keepsWindows: boolean;
}

/** @param manifest of the batch, if it has one */
export type OpenTarget = (manifest: Manifest | undefined) => WindowTarget;

/**
 * Writes the record of each fetch or page once, in the order of indexes and pages. Needs no Redis.
 *
 * @throws ResultsNotFoundError, ResultsChangedError, ResultsUnreadableError, InvalidIdError
 */
export async function exportBatch(options: ExportOptions): Promise<ExportSummary> {
  const { batch, format, signal, reuseChunks = false, isCsvSafe = false } = options;
  const output = new Output(options.out, signal);
  try {
    return await readBatch(options, (manifest) => {
      const { params, headers } = manifest ?? {};
      const encoder = encoderOf({ batch, format, isCsvSafe, params, headers, reuseChunks });
      return {
        write: async (window) => output.write(encoder.encode(window)),
        end: async () => output.write(encoder.end()),
        get invalid() {
          return encoder.invalid;
        },
        keepsWindows: encoder.passesWindow && !reuseChunks,
      };
    });
  } finally {
    output.release();
  }
}

/**
 * Reads the record of each fetch or page once, in the order of indexes and pages. The first pass
 * over the parts finds the best record of each, the second copies these records.
 *
 * @throws as {@link exportBatch} does
 */
export async function readBatch(options: ReadOptions, open: OpenTarget): Promise<ExportSummary> {
  const { dir, batch, signal } = options;
  const { maxIndexedRecords = MAX_INDEXED_RECORDS, range = [0, Infinity] } = options;
  const dirs = typeof dir === 'string' ? [dir] : dir;
  const found = await findParts(dirs, batch);
  const manifest = await firstManifest(found.dirs, batch);
  const known = manifest !== undefined && manifest.total > 0 ? manifest.total : options.total;
  const total = known !== undefined && known > 0 ? known : undefined;
  const target = open(manifest);
  const files = new PartFiles(found.parts.files);
  const progress = new Progress(2 * files.bytes, options.onProgress);
  const onProgress = (bytes: number): void => progress.add(bytes);
  const parts = new PartsIndexer({
    files,
    batch,
    total,
    maxRecords: maxIndexedRecords,
    range,
    signal,
    onProgress,
    onPages: () => progress.expect(2 * files.bytes),
  });
  const reader = new WindowReader(files, signal);
  const unchanged = new UnchangedRecords({ ...options, dirs, manifest, range });
  let written = 0;
  try {
    for await (const index of parts.indexes()) {
      for await (const window of reader.windows(index)) {
        for await (const one of unchanged.windows(window)) {
          await target.write(one);
        }
        progress.add(window.data.length);
        if (!target.keepsWindows) {
          window.release();
        }
      }
      written += index.size;
    }
    const [start, end] = range;
    const wanted = Math.max(0, Math.min(total ?? parts.highest + 1, end) - start);
    const summary = {
      written: written - target.invalid - unchanged.leftOut,
      missing: wanted - parts.fetches + target.invalid,
      skippedLines: parts.skippedLines + target.invalid,
      skippedParts: found.parts.skipped,
      ...unchanged.summary,
    };
    await target.end(summary);
    progress.finish();
    return summary;
  } finally {
    await unchanged.stop();
    await files.stop();
  }
}

/**
 * Counts bytes: all are read once to find the records, and twice more where they have pages; those
 * of the records again to copy them.
 */
class Progress {
  #done = 0;
  #total: number;
  readonly #onProgress: (done: number, total: number) => void;

  constructor(total: number, onProgress: ExportOptions['onProgress']) {
    this.#total = total;
    this.#onProgress = onProgress ?? (() => undefined);
  }

  /** More bytes will be read. */
  expect(bytes: number): void {
    this.#total += bytes;
  }

  add(bytes: number): void {
    this.#done = Math.min(this.#done + bytes, this.#total);
    this.#onProgress(this.#done, this.#total);
  }

  /** Lines that were not copied (duplicates, torn lines) count as done. */
  finish(): void {
    this.add(this.#total - this.#done);
  }
}
