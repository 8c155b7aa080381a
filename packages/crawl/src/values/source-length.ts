import type { Crawl, ParameterSource } from '../model/plan.ts';

/** The ledger has one bit per fetch, and a Redis bitmap has 2^32 of them. */
export const MAX_TOTAL = 2 ** 32 - 1;

/** In ISO 3166-1. A number, so that nobody has to load their names to count them. */
const COUNTRIES = 249;

/** How many values a source has; undefined for a file, which must be read to know. */
export function sourceLength(source: ParameterSource): number | undefined {
  if (source.kind === 'list') {
    return source.values.length;
  }
  if (source.kind === 'countries') {
    return COUNTRIES;
  }
  return source.kind === 'range' ? source.to - source.from + 1 : undefined;
}

/**
 * What keeps sources of these lengths from being combined.
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
    return `zip takes lists of equal length, but ${each.join(', ')}`;
  }
  const total = totalOf(counts, combine);
  return total > MAX_TOTAL
    ? `${total.toLocaleString('en')} fetches are too many for one batch; allowed: up to ${MAX_TOTAL}`
    : undefined;
}

/** Fetches of a crawl; without any parameter it is one. */
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
