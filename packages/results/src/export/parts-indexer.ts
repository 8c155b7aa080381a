import { isBetterThanKnown } from './better-record.ts';
import type { PartFiles } from './part-files.ts';
import { PageChains } from './page-chains.ts';
import { PageLayout } from './page-layout.ts';
import { RecordIndex } from './record-index.ts';
import {
  type FoundLine,
  PartScan,
  type PartSummary,
  rescanPart,
  scanBuffers,
} from './scan-part.ts';

type Range = readonly [from: number, to: number];

export interface PartsIndexerOptions {
  readonly files: PartFiles;
  readonly batch: string;
  /** Fetches of the batch; undefined if the number is unknown. */
  readonly total: number | undefined;
  /** Most records in the index, 8 bytes each; fetches with pages take 12 bytes more. */
  readonly maxRecords: number;
  /** Only the records of these fetches, the end excluded. @default all */
  readonly range?: Range;
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes of the parts that were scanned since the last call. */
  readonly onProgress: (bytes: number) => void;
  /** Called once if records have pages: the parts are then scanned twice more. */
  readonly onPages?: () => void;
  /** Of a complete scan that has found pages: it is not done again. */
  readonly summaries?: readonly PartSummary[];
  /** Called with each fetch that has all of its pages; not in a batch without pages. */
  readonly onComplete?: (index: number) => void;
}

/**
 * Finds the best record of each fetch, or of each page, range by range. The first range needs a
 * complete scan of all parts. Later ones scan only chunks with records of the range: few, because
 * workers write records in nearly their index order.
 *
 * Where records have pages, the scan learns no more than that. Then each range of fetches is
 * scanned once for the number of pages of each, which gives every page a key, and once for each
 * range of keys.
 */
export class PartsIndexer {
  readonly #options: PartsIndexerOptions;
  /** Fetches that are indexed. */
  readonly #range: Range;
  readonly #buffers = scanBuffers();
  readonly #index = new RecordIndex();
  readonly #chains: PageChains;
  #summaries: readonly PartSummary[];
  #beyondTotal = 0;
  #hasPages = false;
  #fetches = 0;
  #highest = -1;

  constructor(options: PartsIndexerOptions) {
    this.#options = options;
    this.#summaries = options.summaries ?? [];
    const { range: [start, end] = [0, Infinity], total = Infinity } = options;
    this.#range = [start, Math.min(end, total)];
    this.#chains = new PageChains((index) => {
      this.#fetches += 1;
      options.onComplete?.(index);
    });
  }

  /** Lines of all parts that are not records. Known after the first index. */
  get skippedLines(): number {
    const lines = this.#summaries.map(({ skippedLines }) => skippedLines);
    return lines.reduce((sum, count) => sum + count, this.#beyondTotal);
  }

  /** Fetches with a record, or with all of their pages. Known after the last index. */
  get fetches(): number {
    return this.#fetches;
  }

  /** The highest index of a fetch; -1 if there is none. Known after the last index. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * Indexes of records in the order of an export. Each is valid until the next one is asked for.
   */
  async *indexes(): AsyncGenerator<RecordIndex, void> {
    const { maxRecords, summaries } = this.#options;
    const [start, end] = this.#range;
    if (summaries !== undefined) {
      yield* this.#pageIndexes();
      return;
    }
    let next = await this.#scanAll([start, Math.min(start + maxRecords, end)]);
    if (this.#hasPages) {
      yield* this.#pageIndexes();
      return;
    }
    for (;;) {
      this.#fetches += this.#index.size;
      this.#highest = Math.max(this.#highest, this.#index.highest);
      yield this.#index;
      if (next === undefined) {
        return;
      }
      this.#index.clear();
      const range: Range = [next, Math.min(next + maxRecords, end)];
      next = await this.#rescan(range, (line) => this.#add(line, line.index));
    }
  }

  async *#pageIndexes(): AsyncGenerator<RecordIndex, void> {
    const { maxRecords } = this.#options;
    const [start, end] = this.#range;
    for (let from: number | undefined = start; from !== undefined;) {
      const range: Range = [from, Math.min(from + maxRecords, end)];
      const layout = new PageLayout(range);
      from = await this.#rescan(range, (line) => {
        layout.add(line);
        this.#highest = Math.max(this.#highest, line.index);
      });
      const keys = layout.finish();
      for (let first = 0; first < keys; first += maxRecords) {
        await this.#indexPages(layout, [first, Math.min(first + maxRecords, keys)]);
        yield this.#index;
      }
    }
  }

  async #indexPages(layout: PageLayout, [first, end]: Range): Promise<void> {
    const index = this.#index;
    index.clear();
    const fetches: Range = [layout.pageAt(first).index, layout.pageAt(end - 1).index + 1];
    await this.#rescan(fetches, (line) => {
      const key = layout.keyOf(line);
      if (key >= first && key < end) {
        this.#add(line, key - first);
      }
    });
    for (const key of index.keys()) {
      const { index: fetch, page } = layout.pageAt(first + key);
      if (!this.#chains.follow(fetch, page, index.isLast(key))) {
        index.remove(key);
      }
    }
  }

  #add(line: FoundLine, key: number): void {
    const { files } = this.#options;
    const index = this.#index;
    if (!index.has(key) || isBetterThanKnown(files, index, key, line)) {
      index.set(key, line.position, line.length, line.isLast);
    }
  }

  /** @returns the lowest index after the range */
  async #scanAll([from, to]: Range): Promise<number | undefined> {
    const { total = Infinity } = this.#options;
    let next = Infinity;
    this.#summaries = await this.#scan((line) => {
      if (line.page > 0 && !this.#hasPages) {
        this.#hasPages = true;
        this.#options.onPages?.();
      }
      if (line.index >= total) {
        this.#beyondTotal += 1;
      } else if (line.index >= to) {
        next = Math.min(next, line.index);
      } else if (line.index >= from && !this.#hasPages) {
        this.#add(line, line.index);
      }
    });
    return next < this.#range[1] ? next : undefined;
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

  /**
   * Calls `onRecord` for the records of a range of fetches.
   *
   * @returns the lowest index after the range
   */
  async #rescan(range: Range, onRecord: (line: FoundLine) => void): Promise<number | undefined> {
    const { files, batch, signal, onProgress } = this.#options;
    const [from, to] = range;
    const [buffer] = this.#buffers;
    let next = Infinity;
    const onLine = (line: FoundLine): void => {
      if (line.index >= to) {
        next = Math.min(next, line.index);
      } else if (line.index >= from) {
        onRecord(line);
      }
    };
    for (const summary of this.#summaries) {
      const nextInPart = await rescanPart({
        files,
        batch,
        signal,
        summary,
        range,
        buffer,
        onLine,
        ...(this.#hasPages && { onProgress }),
      });
      next = Math.min(next, nextInPart);
    }
    return next < this.#range[1] ? next : undefined;
  }
}
