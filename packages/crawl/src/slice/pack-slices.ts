import type { Expansion } from '../expand/expand-crawl.ts';
import { packSlice } from './pack-slice.ts';
import { MAX_SLICE, type PendingFetch, type Slice } from './slice.ts';

/** With more open slices, the oldest one is closed half-filled. */
const MAX_OPEN_ORIGINS = 1000;
/** Minimum number of slices of a batch, so that a small batch is spread over the fleet. */
const SPREAD = 64;

/** The number of fetches per slice: 1 for small batches, 50 from 3,200 fetches on. */
export function sliceSizeFor(total: number): number {
  return Math.min(MAX_SLICE, Math.max(1, Math.floor(total / SPREAD)));
}

/**
 * Packs fetches of the same origin into slices. The slices and their ids depend only on the order
 * of the fetches and on `sliceSize`, not on the chunks. At most 1,000 origins are open at once,
 * which bounds the memory.
 */
export async function* packSlices(
  batch: string,
  expansion: AsyncIterable<readonly Expansion[]>,
  sliceSize: number,
): AsyncGenerator<Slice[], void, undefined> {
  const packer = new SlicePacker(batch, sliceSize);
  for await (const chunk of expansion) {
    for (const fetch of chunk) {
      packer.add(fetch);
    }
    if (packer.hasSlices) {
      yield packer.take();
    }
  }
  packer.flush();
  if (packer.hasSlices) {
    yield packer.take();
  }
}

class SlicePacker {
  readonly #batch: string;
  readonly #sliceSize: number;
  /** In the order in which they were opened. */
  readonly #open = new Map<string, PendingFetch[]>();
  #slices: Slice[] = [];

  constructor(batch: string, sliceSize: number) {
    if (!Number.isInteger(sliceSize) || sliceSize < 1 || sliceSize > MAX_SLICE) {
      throw new RangeError(`the size of a slice is 1 to ${MAX_SLICE}, not ${sliceSize}`);
    }
    this.#batch = batch;
    this.#sliceSize = sliceSize;
  }

  get hasSlices(): boolean {
    return this.#slices.length > 0;
  }

  add({ index, values, origin }: Expansion): void {
    const open = this.#open.get(origin) ?? this.#openFor(origin);
    open.push({ index, values, attempts: 0, dueAt: 0, throttledSince: 0 });
    if (open.length >= this.#sliceSize) {
      this.#close(origin, open);
    }
  }

  take(): Slice[] {
    const slices = this.#slices;
    this.#slices = [];
    return slices;
  }

  flush(): void {
    for (const [origin, open] of this.#open) {
      this.#close(origin, open);
    }
  }

  #openFor(origin: string): PendingFetch[] {
    if (this.#open.size >= MAX_OPEN_ORIGINS) {
      const [oldest] = this.#open;
      if (oldest !== undefined) {
        this.#close(...oldest);
      }
    }
    const open: PendingFetch[] = [];
    this.#open.set(origin, open);
    return open;
  }

  #close(origin: string, open: readonly PendingFetch[]): void {
    this.#open.delete(origin);
    this.#slices.push(packSlice(this.#batch, origin, open));
  }
}
