import { setImmediate } from 'node:timers/promises';
import {
  type Crawl,
  expandCrawl,
  type KnownAnswer,
  packSlice,
  packSlices,
  type Packing,
  type Slice,
  toError,
  unpackSlice,
} from '@fetchfleet/crawl';
import { sliceId } from './slice-queue.ts';

/** Slices in one pipeline. The first one is small, so that workers can start at once. */
const FIRST_ADD = 64;
const MAX_ADD = 128;
/** Pipelines in flight: Redis adds one while the next is packed. Bounds the memory. */
const MAX_IN_FLIGHT = 3;

/** What an earlier batch knows of the answers to the fetches of a crawl. */
export interface KnownAnswers {
  of(fetch: {
    readonly index: number;
    readonly values: readonly string[];
  }): KnownAnswer | undefined;
}

/** Where slices are queued. */
interface SliceAdder {
  /**
   * @param ids those of the whole slices
   * @param wholes the slices with all fetches that they ever had
   */
  add(slices: readonly Slice[], ids: readonly string[], wholes: readonly Slice[]): Promise<void>;
}

export interface EnqueueOptions {
  readonly queue: SliceAdder;
  readonly batch: string;
  readonly crawl: Crawl;
  /** It never changes for a batch, because slice ids follow from it. */
  readonly packing: Packing;
  /** Which fetches have no record yet. @default all of them */
  readonly isUnsettled?: (index: number) => boolean;
  /** What is known of the answer to a fetch. @default nothing */
  readonly known?: KnownAnswers | undefined;
  /** Waits until Redis has room for more slices. @default does not wait */
  readonly room?: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Expands a crawl into the queue as a stream. A slice that is queued already stays as it is, so
 * this may be repeated after any interruption. Nothing is added any more when it has ended, or has
 * failed.
 *
 * @returns the number of slices that were passed to the queue
 */
export async function enqueue(options: EnqueueOptions): Promise<number> {
  const { queue, batch, crawl, packing, isUnsettled, known, room, signal } = options;
  const adds = new AddPipeline(queue, room);
  const expansion = expandCrawl(crawl, { signal });
  try {
    for await (const slices of packSlices(batch, expansion, packing)) {
      signal.throwIfAborted();
      for (const slice of slices) {
        const wanted = isUnsettled === undefined ? slice : remainder(slice, isUnsettled);
        if (wanted !== undefined) {
          const complete = known === undefined ? wanted : await withKnown(wanted, known);
          // The id of the whole slice, by which the queue recognises a slice that it still has.
          await adds.push({ slice: complete, id: sliceId(slice), whole: slice });
        }
      }
    }
    await adds.end();
    return adds.count;
  } finally {
    await adds.settled();
  }
}

/** The fetches of a slice that are still to be fetched; undefined if there are none. */
function remainder(slice: Slice, isUnsettled: (index: number) => boolean): Slice | undefined {
  const fetches = unpackSlice(slice);
  const kept = fetches.filter(({ index }) => isUnsettled(index));
  if (kept.length === fetches.length) {
    return slice;
  }
  return kept.length === 0 ? undefined : packSlice(slice.batch, slice.origin, kept);
}

/** What is known is read from files at once: a worker that does this fetches in between. */
async function withKnown(slice: Slice, known: KnownAnswers): Promise<Slice> {
  await setImmediate();
  const fetches = unpackSlice(slice).map((fetch) => ({ ...fetch, known: known.of(fetch) }));
  return packSlice(slice.batch, slice.origin, fetches);
}

/** Collects slices and adds them in pipelines, a few at a time. */
class AddPipeline {
  readonly #queue: SliceAdder;
  readonly #room: EnqueueOptions['room'];
  readonly #inFlight = new Set<Promise<void>>();
  #pending: Slice[] = [];
  #ids: string[] = [];
  #wholes: Slice[] = [];
  #failure: Error | undefined;
  #threshold = FIRST_ADD;
  count = 0;

  constructor(queue: SliceAdder, room: EnqueueOptions['room']) {
    this.#queue = queue;
    this.#room = room;
  }

  /** Waits for Redis only while too many pipelines are in flight. */
  async push({
    slice,
    id,
    whole,
  }: {
    readonly slice: Slice;
    readonly id: string;
    readonly whole: Slice;
  }): Promise<void> {
    this.count += 1;
    this.#ids.push(id);
    this.#wholes.push(whole);
    if (this.#pending.push(slice) >= this.#threshold) {
      await this.#flush();
    }
  }

  async end(): Promise<void> {
    if (this.#pending.length > 0) {
      await this.#flush();
    }
    await this.settled();
    this.#throwFailure();
  }

  /** Resolves when no pipeline is in flight any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  async #flush(): Promise<void> {
    const [slices, ids, wholes] = [this.#pending, this.#ids, this.#wholes];
    this.#pending = [];
    this.#ids = [];
    this.#wholes = [];
    this.#threshold = MAX_ADD;
    while (this.#inFlight.size >= MAX_IN_FLIGHT) {
      await Promise.race(this.#inFlight);
    }
    this.#throwFailure();
    await this.#room?.();
    const add: Promise<void> = this.#queue
      .add(slices, ids, wholes)
      .catch((error: unknown) => {
        this.#failure ??= toError(error);
      })
      .finally(() => this.#inFlight.delete(add));
    this.#inFlight.add(add);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
  }
}
