import type { Expansion } from '../expand/expand-crawl.ts';
import { packSlice } from './pack-slice.ts';
import { MAX_SLICE, type PendingFetch, SEVERAL_ORIGINS, type Slice } from './slice.ts';

/** With more open slices, the oldest one is closed half-filled. */
const MAX_OPEN_ORIGINS = 1000;
/** Minimum number of slices of a batch, so that a small batch is spread over the fleet. */
const SPREAD = 64;

/** The number of fetches per slice: 1 for small batches, 50 from 3,200 fetches on. */
export function sliceSizeFor(total: number): number {
  return Math.min(MAX_SLICE, Math.max(1, Math.floor(total / SPREAD)));
}

export interface Packing {
  /** Fetches in a slice, at most. */
  readonly sliceSize: number;
  /**
   * Whether few fetches each of several origins share a slice: a slice of its own for one fetch of
   * each of ten thousand origins costs more than the fetches. Version 0.1 did not do that. It never
   * changes for a batch, because slice ids follow from it.
   */
  readonly mixesOrigins: boolean;
}

/**
 * Packs fetches of the same origin into slices. The slices and their ids depend only on the order
 * of the fetches and on the packing, not on the chunks. At most 1,000 origins are open at once,
 * which bounds the memory.
 */
export async function* packSlices(
  batch: string,
  expansion: AsyncIterable<readonly Expansion[]>,
  packing: Packing,
): AsyncGenerator<Slice[], void, undefined> {
  const packer = new SlicePacker(batch, packing);
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
  readonly #packing: Packing;
  /** In the order in which they were opened. */
  readonly #open = new Map<string, PendingFetch[]>();
  /** Fetches of origins that have few, for the next slice of several origins. */
  #mixed: PendingFetch[] = [];
  readonly #mixedOrigins = new Set<string>();
  #slices: Slice[] = [];

  constructor(batch: string, packing: Packing) {
    const { sliceSize } = packing;
    if (!Number.isInteger(sliceSize) || sliceSize < 1 || sliceSize > MAX_SLICE) {
      throw new RangeError(`the size of a slice is 1 to ${MAX_SLICE}, not ${sliceSize}`);
    }
    this.#batch = batch;
    this.#packing = packing;
  }

  get hasSlices(): boolean {
    return this.#slices.length > 0;
  }

  add({ index, values, origin }: Expansion): void {
    const open = this.#open.get(origin) ?? this.#openFor(origin);
    open.push({ index, values, attempts: 0, dueAt: 0, throttledSince: 0 });
    if (open.length >= this.#packing.sliceSize) {
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
    this.#closeMixed();
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
    const { mixesOrigins, sliceSize } = this.#packing;
    this.#open.delete(origin);
    if (mixesOrigins && open.length <= sliceSize / 2) {
      this.#mix(origin, open);
    } else {
      this.#slices.push(packSlice(this.#batch, origin, open));
    }
  }

  /** The fetches of an origin stay together. */
  #mix(origin: string, fetches: readonly PendingFetch[]): void {
    if (this.#mixed.length + fetches.length > this.#packing.sliceSize) {
      this.#closeMixed();
    }
    this.#mixed.push(...fetches);
    this.#mixedOrigins.add(origin);
  }

  #closeMixed(): void {
    if (this.#mixed.length > 0) {
      const [only = SEVERAL_ORIGINS, ...others] = this.#mixedOrigins;
      const origin = others.length === 0 ? only : SEVERAL_ORIGINS;
      this.#slices.push(packSlice(this.#batch, origin, this.#mixed));
      this.#mixed = [];
      this.#mixedOrigins.clear();
    }
  }
}
