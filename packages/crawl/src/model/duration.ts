import { parseQuantity } from './quantity.ts';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** How a duration is written: for messages that say what is allowed. */
export const DURATION_EXAMPLES = '500ms, 30s, 5m, 1h or 30d';

/**
 * Milliseconds of a duration: a number and one of the units ms, s, m, h and d (`500ms`, `1.5m`).
 * Undefined for anything else, a number without a unit included. Callers check the range.
 */
export function parseDurationMs(text: string): number | undefined {
  return parseQuantity(text, UNIT_MS);
}
