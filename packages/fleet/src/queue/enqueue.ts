import {
  type Crawl,
  expandCrawl,
  packSlice,
  packSlices,
  type Slice,
  unpackSlice,
} from '@fetchfleet/crawl';
import { sliceId, type SliceQueue } from './slice-queue.ts';

/** Slices in one pipeline. The first is small, so that workers have something to do at once. */
const FIRST_ADD = 64;
const MAX_ADD = 128;
/** Pipelines under way: Redis works on one while the next is packed. Bounds the memory, whatever the batch. */
const MAX_IN_FLIGHT = 3;

export interface EnqueueOptions {
  readonly queue: Pick<SliceQueue, 'add'>;
  readonly batch: string;
  readonly crawl: Crawl;
  /** Fetches per slice; a batch keeps its own for ever, because slice ids follow from it. */
  readonly sliceSize: number;
  /** Which fetches have no record yet. @default all of them */
  readonly isUnsettled?: (index: number) => boolean;
  readonly signal: AbortSignal;
}

/**
 * Expands a crawl into the queue as a stream. A slice that is queued already stays as it is, so this may be repeated after any
 * interruption.
 *
 * @returns the number of slices it has offered to the queue
 */
export async function enqueue(options: EnqueueOptions): Promise<number> {
  const { queue, batch, crawl, sliceSize, isUnsettled, signal } = options;
  const adds = new AddPipeline(queue);
  const expansion = expandCrawl(crawl, { signal });
  for await (const slices of packSlices(batch, expansion, sliceSize)) {
    signal.throwIfAborted();
    for (const slice of slices) {
      const wanted = isUnsettled === undefined ? slice : remainder(slice, isUnsettled);
      // The id of the whole slice: the queue must recognise one that it still has.
      if (wanted !== undefined) await adds.push(wanted, sliceId(slice));
    }
  }
  await adds.end();
  return adds.count;
}

/** What of a slice is to be fetched; undefined if nothing is. */
function remainder(slice: Slice, isUnsettled: (index: number) => boolean): Slice | undefined {
  const fetches = unpackSlice(slice);
  const kept = fetches.filter(({ index }) => isUnsettled(index));
  if (kept.length === fetches.length) return slice;
  return kept.length === 0 ? undefined : packSlice(slice.batch, slice.origin, kept);
}

/** Collects slices and adds them in pipelines, a few at a time. */
class AddPipeline {
  readonly #queue: Pick<SliceQueue, 'add'>;
  readonly #inFlight = new Set<Promise<void>>();
  #pending: Slice[] = [];
  #ids: string[] = [];
  #failure: Error | undefined;
  #threshold = FIRST_ADD;
  count = 0;

  constructor(queue: Pick<SliceQueue, 'add'>) {
    this.#queue = queue;
  }

  /** Returns at once while there is room; waits for Redis otherwise. */
  async push(slice: Slice, id: string): Promise<void> {
    this.count += 1;
    this.#ids.push(id);
    if (this.#pending.push(slice) >= this.#threshold) await this.#flush();
  }

  async end(): Promise<void> {
    if (this.#pending.length > 0) await this.#flush();
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  async #flush(): Promise<void> {
    const [slices, ids] = [this.#pending, this.#ids];
    this.#pending = [];
    this.#ids = [];
    this.#threshold = MAX_ADD;
    while (this.#inFlight.size >= MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
    this.#throwFailure();
    const add: Promise<void> = this.#queue
      .add(slices, ids)
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#inFlight.delete(add));
    this.#inFlight.add(add);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
