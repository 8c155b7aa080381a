/** A median and the range of the values. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** @returns undefined without values */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low] = sorted;
  const high = sorted.at(-1);
  if (low === undefined || high === undefined) {
    return undefined;
  }
  const middle = sorted.length / 2;
  const [before = low, after = high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return { median: (before + after) / 2, low, high };
}

/** The same if some values may be unknown, as without /proc. */
export function spreadOfKnown(values: readonly (number | undefined)[]): Spread | undefined {
  return spreadOf(values.filter((value) => value !== undefined));
}

/**
 * The exponent with which y grows with x, by least squares on logarithms: 0 is constant, 1 is
 * linear.
 *
 * @returns undefined for fewer than two points above zero
 */
export function logLogSlope(
  points: readonly (readonly [x: number, y: number])[],
): number | undefined {
  const logs = points.flatMap(([x, y]) => (x > 0 && y > 0 ? [[Math.log(x), Math.log(y)]] : []));
  const meanOf = (at: number): number =>
    logs.reduce((sum, point) => sum + (point[at] ?? 0), 0) / logs.length;
  const [meanX, meanY] = [meanOf(0), meanOf(1)];
  let across = 0;
  let along = 0;
  for (const [x = 0, y = 0] of logs) {
    across += (x - meanX) * (y - meanY);
    along += (x - meanX) ** 2;
  }
  return along === 0 ? undefined : across / along;
}
