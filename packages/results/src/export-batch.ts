import type { Writable } from 'node:stream';
import { ahead } from './ahead.ts';
import { encoderOf } from './encoder.ts';
import { type IndexedParts, indexParts } from './index-parts.ts';
import { batchFolder, listParts } from './layout.ts';
import { readManifest } from './manifest.ts';
import { Output } from './output.ts';
import { PartFiles } from './part-files.ts';
import { readWindows } from './read-windows.ts';

export interface ExportOptions {
  /** Results folder. */
  readonly dir: string;
  readonly batch: string;
  readonly format: 'ndjson' | 'csv';
  /** Stays open: whoever opened it ends it. Its errors (`EPIPE`) reject the export. */
  readonly out: Writable;
  /**
   * The memory of a chunk is used again when its write has called back: right for files and pipes, wrong for a
   * stream that passes chunks on or keeps them. @default false
   */
  readonly reuseChunks?: boolean;
  /**
   * Records whose places are held in memory at once, 8 bytes each. A batch with more is exported in ranges of
   * so many, and its parts are scanned once for each of them. @default 16,777,216 (128 MiB)
   */
  readonly maxPlaces?: number;
  /** Fetches of the batch, where the manifest does not know. @default the highest index found, plus one */
  readonly total?: number;
  readonly signal?: AbortSignal;
  /** Told of the work done so far and of all there is, in bytes read. */
  readonly onProgress?: (done: number, of: number) => void;
}

export interface ExportSummary {
  /** Records put out. */
  readonly written: number;
  /** Fetches without a record. */
  readonly missing: number;
  /** Lines that are no records: torn by a crash, damaged, or with an index that the batch does not have. */
  readonly skippedLines: number;
}

const MAX_PLACES = 2 ** 24;

/**
 * Puts every record of a batch out once, in index order, in two passes: the first notes where the best
 * record of each index lies, the second copies them. Works on the folder alone.
 */
export async function exportBatch(options: ExportOptions): Promise<ExportSummary> {
  const { dir, batch, format, signal, reuseChunks = false, maxPlaces = MAX_PLACES } = options;
  const parts = await listParts(batchFolder(dir, batch));
  const manifest = await readManifest(dir, batch);
  const known = manifest !== undefined && manifest.total > 0 ? manifest.total : options.total;
  const total = known !== undefined && known > 0 ? known : undefined;
  const files = await PartFiles.of(parts);
  const output = new Output(options.out, signal);
  const encoder = encoderOf({ batch, format, params: manifest?.params, reuseChunks });
  const ranges = Math.ceil((total ?? 1) / maxPlaces);
  const progress = new Progress((ranges + 1) * files.bytes, options.onProgress);
  const onProgress = (bytes: number): void => progress.add(bytes);
  try {
    let found: IndexedParts | undefined;
    let written = 0;
    for (let from: number | undefined = 0; from !== undefined; from = found.next) {
      const range = [from, from + maxPlaces] as const;
      found = await indexParts({ files, batch, total, range, signal, onProgress });
      for await (const window of ahead(readWindows(files, found.index, signal))) {
        await output.write(encoder.encode(window));
        progress.add(window.data.length);
        if (reuseChunks || !encoder.passesWindow) window.release();
      }
      written += found.index.size;
    }
    await output.write(encoder.end());
    progress.finish();
    written -= encoder.invalid;
    return {
      written,
      missing: (total ?? (found?.index.highest ?? -1) + 1) - written,
      skippedLines: (found?.skippedLines ?? 0) + encoder.invalid,
    };
  } finally {
    output.release();
    await files.stop();
  }
}

/** Every byte is read once to find records; those of records once more to copy them. */
class Progress {
  #done = 0;
  readonly #of: number;
  readonly #tell: (done: number, of: number) => void;

  constructor(of: number, tell: ExportOptions['onProgress']) {
    this.#of = of;
    this.#tell = tell ?? (() => undefined);
  }

  add(bytes: number): void {
    this.#done = Math.min(this.#done + bytes, this.#of);
    this.#tell(this.#done, this.#of);
  }

  /** What was left out (duplicates, torn lines) counts as done. */
  finish(): void {
    this.add(this.#of - this.#done);
  }
}
