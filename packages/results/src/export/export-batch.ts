import type { Writable } from 'node:stream';
import { ahead } from './ahead.ts';
import { encoderOf } from './encoder.ts';
import { PartsIndexer } from './parts-indexer.ts';
import { batchFolder, listParts } from '../folder/layout.ts';
import { readManifest } from '../folder/manifest.ts';
import { Output } from './output.ts';
import { PartFiles } from '../folder/part-files.ts';
import { WindowReader } from './window-reader.ts';

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
   * so many indexes. @default 4,194,304 (32 MiB)
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

const MAX_PLACES = 2 ** 22;

/**
 * Puts every record of a batch out once, in index order, in two passes: the first notes where the best
 * record of each index lies, the second copies them. Works on the folder alone.
 */
export async function exportBatch(options: ExportOptions): Promise<ExportSummary> {
  const { dir, batch, format, signal, reuseChunks = false, maxPlaces = MAX_PLACES } = options;
  const paths = await listParts(batchFolder(dir, batch));
  const manifest = await readManifest(dir, batch);
  const known = manifest !== undefined && manifest.total > 0 ? manifest.total : options.total;
  const total = known !== undefined && known > 0 ? known : undefined;
  const files = await PartFiles.of(paths);
  const output = new Output(options.out, signal);
  const encoder = encoderOf({ batch, format, params: manifest?.params, reuseChunks });
  const progress = new Progress(2 * files.bytes, options.onProgress);
  const onProgress = (bytes: number): void => progress.add(bytes);
  const parts = new PartsIndexer({ files, batch, total, signal, onProgress });
  const reader = new WindowReader(files, signal);
  let written = 0;
  let highest = -1;
  try {
    for (let from: number | undefined = 0; from !== undefined;) {
      const { index, next } = await parts.index([from, from + maxPlaces]);
      for await (const window of ahead(reader.windows(index))) {
        await output.write(encoder.encode(window));
        progress.add(window.data.length);
        if (reuseChunks || !encoder.passesWindow) window.release();
      }
      written += index.size;
      highest = Math.max(highest, index.highest);
      from = next;
    }
    await output.write(encoder.end());
    progress.finish();
    written -= encoder.invalid;
    return {
      written,
      missing: (total ?? highest + 1) - written,
      skippedLines: parts.skippedLines + encoder.invalid,
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
