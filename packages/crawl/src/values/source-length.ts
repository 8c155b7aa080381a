import type { Crawl, ParameterSource } from '../model/plan.ts';

/** The ledger has one bit per fetch, and a Redis bitmap has up to 2^32 bits. */
export const MAX_TOTAL = 2 ** 32 - 1;

/** In ISO 3166-1. A constant, so the names need not be loaded to count them. */
const COUNTRIES = 249;

/** The number of values of a source; undefined for a file, which must be read first. */
export function sourceLength(source: ParameterSource): number | undefined {
  if (source.kind === 'list') {
    return source.values.length;
  }
  if (source.kind === 'countries') {
    return COUNTRIES;
  }
  return source.kind === 'range' ? rangeLength(source) : undefined;
}

/** Nothing if it leads away from its end. */
function rangeLength({ from, to, step = 1 }: { from: number; to: number; step?: number }): number {
  return Math.max(0, Math.floor((to - from) / step) + 1);
}

/**
 * The reason for which sources of these lengths cannot be combined; undefined if they can.
 *
 * @param counts values by parameter name
 */
export function problemOfCounts(
  counts: Readonly<Record<string, number>>,
  combine: Crawl['combine'],
): string | undefined {
  const lengths = Object.values(counts);
  if (combine === 'zip' && new Set(lengths).size > 1) {
    const each = Object.entries(counts).map(([name, count]) => `${name} has ${count}`);
    return `zip needs lists of equal length, but ${each.join(', ')}`;
  }
  const total = totalOf(counts, combine);
  return total > MAX_TOTAL
    ? `${total.toLocaleString('en')} fetches are too many for one batch; allowed: up to ${MAX_TOTAL}`
    : undefined;
}

/** The number of fetches; one if there is no parameter. */
export function totalOf(
  counts: Readonly<Record<string, number>>,
  combine: Crawl['combine'],
): number {
  const lengths = Object.values(counts);
  if (combine === 'zip') {
    return lengths[0] ?? 1;
  }
  return lengths.reduce((product, length) => product * length, 1);
}
