import type { LastReason } from '../outcome/last-reason.ts';
import { packKnown, unpackKnown } from './known-in-slice.ts';
import { MAX_SLICE, type PendingFetch, type SharedReason, type Slice } from './slice.ts';

type SliceState = readonly [number, number, number, number];

/**
 * Packs 1 to 50 fetches of one origin for Redis, in index order. Fresh fetches (no attempt used,
 * due now) take no state.
 */
export function packSlice(batch: string, origin: string, fetches: readonly PendingFetch[]): Slice {
  if (fetches.length === 0 || fetches.length > MAX_SLICE) {
    throw new RangeError(`a slice has 1 to ${MAX_SLICE} fetches, not ${fetches.length}`);
  }
  const sorted = fetches.toSorted((a, b) => a.index - b.index);
  const state = sorted.flatMap((fetch, position) => stateOf(fetch, position));
  const reasons = toReasons(sorted);
  const known = packKnown(sorted);
  return {
    batch,
    origin,
    ranges: toRanges(sorted),
    columns: toColumns(sorted),
    ...(state.length > 0 && { state }),
    ...(reasons.length > 0 && { reasons }),
    ...(known !== undefined && { known }),
  };
}

/** The fetches of a slice, in index order. The slice must be valid: see `parseSlice`. */
export function unpackSlice(slice: Slice): PendingFetch[] {
  const states = new Map((slice.state ?? []).map((entry) => [entry[0], entry]));
  const reasons = reasonsOf(slice);
  const answers = slice.known && unpackKnown(slice.known);
  return indexesOf(slice).map((index, position) => {
    const [, attempts = 0, dueAt = 0, throttledSince = 0] = states.get(position) ?? [];
    const values = slice.columns.map((column) =>
      typeof column === 'string' ? column : (column[position] ?? ''),
    );
    const reason = reasons.get(position);
    const known = answers?.get(position);
    const fetch = { index, values, attempts, dueAt, throttledSince };
    const tried = reason === undefined ? fetch : { ...fetch, reason };
    return known === undefined ? tried : { ...tried, known };
  });
}

/** The lowest index, which determines the id of a new slice. */
export function firstIndex(slice: Slice): number {
  return slice.ranges[0] ?? 0;
}

/** The indexes of its fetches, in order. */
export function indexesOf({ ranges }: Slice): number[] {
  const indexes: number[] = [];
  for (let at = 0; at < ranges.length; at += 2) {
    const first = ranges[at] ?? 0;
    const count = ranges[at + 1] ?? 0;
    for (let offset = 0; offset < count; offset++) {
      indexes.push(first + offset);
    }
  }
  return indexes;
}

function toRanges(sorted: readonly PendingFetch[]): number[] {
  const ranges: number[] = [];
  let first = -1;
  let count = 0;
  for (const { index } of sorted) {
    if (index === first + count && count > 0) {
      count++;
      continue;
    }
    if (count > 0 && index < first + count) {
      throw new RangeError(`duplicate index ${index}`);
    }
    if (count > 0) {
      ranges.push(first, count);
    }
    first = index;
    count = 1;
  }
  ranges.push(first, count);
  return ranges;
}

function toColumns(sorted: readonly PendingFetch[]): (string | string[])[] {
  const width = sorted[0]?.values.length ?? 0;
  return Array.from({ length: width }, (_, at) => {
    const column = sorted.map(({ values }) => values[at] ?? '');
    const [first = ''] = column;
    return column.every((value) => value === first) ? first : column;
  });
}

function toReasons(sorted: readonly PendingFetch[]): SharedReason[] {
  const shared = new Map<string, LastReason & { readonly positions: number[] }>();
  for (const [position, { reason }] of sorted.entries()) {
    if (reason === undefined) {
      continue;
    }
    const key = JSON.stringify([reason.outcome, reason.code, reason.status, reason.message]);
    const known = shared.get(key) ?? { ...reason, positions: [] };
    known.positions.push(position);
    shared.set(key, known);
  }
  return [...shared.values()];
}

function reasonsOf({ reasons = [] }: Slice): ReadonlyMap<number, LastReason> {
  const entries = reasons.flatMap(({ positions, ...reason }) =>
    positions.map((position) => [position, reason] as const),
  );
  return new Map(entries);
}

function stateOf(fetch: PendingFetch, position: number): SliceState[] {
  const { attempts, dueAt, throttledSince } = fetch;
  const isFresh = attempts === 0 && dueAt === 0 && throttledSince === 0;
  return isFresh ? [] : [[position, attempts, dueAt, throttledSince]];
}
