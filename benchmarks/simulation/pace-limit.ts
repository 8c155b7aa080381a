/** Starts are spaced 2 % wider than the limit asks, as the gate does. */
export const SPACING = 1.02;

/**
 * The starts that a spacing allows before a time, as GCRA counts them with a burst of one.
 *
 * @param nextAt the first moment at which a start is allowed, in seconds
 * @param until the end of the span, in seconds; a start at this moment belongs to the next span
 * @param spacing seconds between two starts, above 0
 */
export function startsUntil(nextAt: number, until: number, spacing: number): number {
  return nextAt >= until ? 0 : Math.ceil((until - nextAt) / spacing);
}
