/** What a run of a case showed, real or simulated. */
export interface CaseResult {
  /** From the first slice that is opened to the last durable record. */
  readonly seconds: number;
  /** Fetches per second between the first quarter of all answered requests and the last. */
  readonly pace: number;
}

/** @param times of the requests that were answered, in ms, in order */
export function paceOf(times: readonly number[]): number {
  const from = Math.floor(times.length / 4);
  const to = times.length - 1 - from;
  return ((to - from) * 1000) / ((times[to] ?? 0) - (times[from] ?? 0));
}
