/** Statuses from the first to the last, both included. */
export type StatusRange = readonly [from: number, to: number];

export function includesStatus(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(([from, to]) => status >= from && status <= to);
}
