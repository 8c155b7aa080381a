import type { PartFiles } from '../folder/part-files.ts';
import { RecordIndex } from './record-index.ts';
import { isBetter, readRank } from '../folder/record-line.ts';
import type { Rank } from '../folder/record-line.ts';
import { PartScan, rescanPart, scanBuffers } from '../folder/scan-part.ts';
import type { FoundLine, Outline } from '../folder/scan-part.ts';

/** Enough for the fields before the body unless the URL is very long. */
const HEAD_BYTES = 4096;

export interface PartsIndexerOptions {
  readonly files: PartFiles;
  readonly batch: string;
  /** Fetches of the batch; undefined while unknown. */
  readonly total: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Told of the first scan only. */
  readonly onProgress: (bytes: number) => void;
}

export interface IndexedRange {
  /** Good until the next range is asked for. */
  readonly index: RecordIndex;
  /** Where the next range begins; undefined if there is no record behind this one. */
  readonly next: number | undefined;
}

/**
 * Finds the best record of every index, for one range of indexes after the other. The first time all parts are
 * scanned whole; from then on only the chunks that have records of the range, which in parts as workers write
 * them are few.
 */
export class PartsIndexer {
  readonly #options: PartsIndexerOptions;
  readonly #buffers = scanBuffers();
  readonly #index = new RecordIndex();
  #outlines: readonly Outline[] | undefined;
  #beyondTotal = 0;

  constructor(options: PartsIndexerOptions) {
    this.#options = options;
  }

  /** Lines that are no records, of all parts. Known when the first range is. */
  get skippedLines(): number {
    const lines = (this.#outlines ?? []).map(({ skippedLines }) => skippedLines);
    return lines.reduce((sum, count) => sum + count, this.#beyondTotal);
  }

  async index(range: readonly [from: number, to: number]): Promise<IndexedRange> {
    const { files, total = Infinity } = this.#options;
    const [from, to] = range;
    const index = this.#index;
    index.clear();
    let next = Infinity;
    let beyondTotal = 0;
    const onLine = (line: FoundLine): void => {
      if (line.index >= total) beyondTotal += 1;
      else if (line.index >= to) next = Math.min(next, line.index);
      else if (line.index < from) return;
      else if (!index.has(line.index) || isBetterThanKnown(files, index, line)) {
        index.set(line.index, line.position, line.length);
      }
    };
    if (this.#outlines === undefined) {
      this.#outlines = await this.#scan(onLine);
      this.#beyondTotal = beyondTotal;
    } else {
      next = Math.min(await this.#rescan(this.#outlines, range, onLine), next);
    }
    return { index, next: next < total ? next : undefined };
  }

  async #scan(onLine: (line: FoundLine) => void): Promise<Outline[]> {
    const { files, batch, signal, onProgress } = this.#options;
    const buffers = this.#buffers;
    const outlines: Outline[] = [];
    for (const part of files.parts) {
      const scan = new PartScan({ files, part, batch, buffers, signal, onLine, onProgress });
      outlines.push(await scan.run());
    }
    return outlines;
  }

  async #rescan(
    outlines: readonly Outline[],
    range: readonly [from: number, to: number],
    onLine: (line: FoundLine) => void,
  ): Promise<number> {
    const { files, batch, signal } = this.#options;
    const [buffer] = this.#buffers;
    let next = Infinity;
    for (const outline of outlines) {
      const behind = await rescanPart({ files, batch, signal, outline, range, buffer, onLine });
      next = Math.min(next, behind);
    }
    return next;
  }
}

function isBetterThanKnown(files: PartFiles, index: RecordIndex, line: FoundLine): boolean {
  const known = rankOf(files, index.position(line.index), index.length(line.index));
  return isBetter(rankOf(files, line.position, line.length), known);
}

/** A record that lacks the fields is the worst there is. */
function rankOf(files: PartFiles, position: number, length: number): Rank {
  const head = Buffer.allocUnsafe(Math.min(length, HEAD_BYTES));
  files.readSync(head, position);
  const rank = readRank(head);
  if (rank !== undefined || length <= HEAD_BYTES) return rank ?? WORST;
  const whole = Buffer.allocUnsafe(length);
  files.readSync(whole, position);
  return readRank(whole) ?? WORST;
}

const WORST: Rank = { isOk: false, startedAt: '' };
