import { isBetter, type Rank, readRank } from '../folder/record-line.ts';
import type { PartFiles } from './part-files.ts';
import { RecordIndex } from './record-index.ts';
import {
  type FoundLine,
  PartScan,
  type PartSummary,
  rescanPart,
  scanBuffers,
} from './scan-part.ts';

/** Enough bytes for the fields before the body, unless the URL is very long. */
const HEAD_BYTES = 4096;

export interface PartsIndexerOptions {
  readonly files: PartFiles;
  readonly batch: string;
  /** Fetches of the batch; undefined if the number is unknown. */
  readonly total: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called during the first scan only, with the bytes read since the last call. */
  readonly onProgress: (bytes: number) => void;
}

export interface IndexedRange {
  /** Valid until the next call of `index`. */
  readonly index: RecordIndex;
  /** Start of the next range; undefined if no record comes after this range. */
  readonly next: number | undefined;
}

/**
 * Finds the best record of each index, range by range. The first call scans all parts completely.
 * Later calls scan only chunks with records of the range: few, because workers write records in
 * nearly their index order.
 */
export class PartsIndexer {
  readonly #options: PartsIndexerOptions;
  readonly #buffers = scanBuffers();
  readonly #index = new RecordIndex();
  #summaries: readonly PartSummary[] | undefined;
  #beyondTotal = 0;

  constructor(options: PartsIndexerOptions) {
    this.#options = options;
  }

  /** Lines of all parts that are not records. Known after the first call of `index`. */
  get skippedLines(): number {
    const lines = (this.#summaries ?? []).map(({ skippedLines }) => skippedLines);
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
      if (line.index >= total) {
        beyondTotal += 1;
      } else if (line.index >= to) {
        next = Math.min(next, line.index);
      } else if (line.index < from) {
        return;
      } else if (!index.has(line.index) || isBetterThanKnown(files, index, line)) {
        index.set(line.index, line.position, line.length);
      }
    };
    if (this.#summaries === undefined) {
      this.#summaries = await this.#scan(onLine);
      this.#beyondTotal = beyondTotal;
    } else {
      next = Math.min(await this.#rescan(this.#summaries, range, onLine), next);
    }
    return { index, next: next < total ? next : undefined };
  }

  async #scan(onLine: (line: FoundLine) => void): Promise<PartSummary[]> {
    const { files, batch, signal, onProgress } = this.#options;
    const buffers = this.#buffers;
    const summaries: PartSummary[] = [];
    for (const part of files.parts) {
      const scan = new PartScan({ files, part, batch, buffers, signal, onLine, onProgress });
      summaries.push(await scan.run());
    }
    return summaries;
  }

  async #rescan(
    summaries: readonly PartSummary[],
    range: readonly [from: number, to: number],
    onLine: (line: FoundLine) => void,
  ): Promise<number> {
    const { files, batch, signal } = this.#options;
    const [buffer] = this.#buffers;
    let next = Infinity;
    for (const summary of summaries) {
      const nextInPart = await rescanPart({ files, batch, signal, summary, range, buffer, onLine });
      next = Math.min(next, nextInPart);
    }
    return next;
  }
}

function isBetterThanKnown(files: PartFiles, index: RecordIndex, line: FoundLine): boolean {
  const known = rankOf(files, index.position(line.index), index.length(line.index));
  return isBetter(rankOf(files, line.position, line.length), known);
}

/** A record without these fields has the lowest rank. */
function rankOf(files: PartFiles, position: number, length: number): Rank {
  const head = Buffer.allocUnsafe(Math.min(length, HEAD_BYTES));
  files.readSync(head, position);
  const rank = readRank(head);
  if (rank !== undefined || length <= HEAD_BYTES) {
    return rank ?? LOWEST_RANK;
  }
  const whole = Buffer.allocUnsafe(length);
  files.readSync(whole, position);
  return readRank(whole) ?? LOWEST_RANK;
}

const LOWEST_RANK: Rank = { isOk: false, startedAt: '' };
