// The answers of the origins, on nginx and on Node.

/** Sizes of bodies in bytes; the first is the default. */
export const BODY_BYTES = [1_200, 50_000, 1_000_000] as const;

/** Latencies with a path, in milliseconds. */
export const DELAYS_MS = [20, 100, 1_000] as const;

/** How long a hung fetch takes. */
export const HUNG_MS = 2_000;

/** Timeout of hung fetches in the case with timeouts. */
export const HUNG_TIMEOUT_MS = 1_500;

/** How long all other fetches take. */
export const HUNG_BASE_MS = 100;

/** First number and size of a batch with hung fetches: all numbers have five digits. */
export const HUNG_NUMBERS = { from: 10_000, total: 16_000 } as const;

/**
 * One number in fifty, but none of the last 3,000, which take longer than a hung fetch: a fetch
 * that hangs at the end would only measure the length of the batch.
 */
export const HUNG = '(1[0-9][0-9]|2[0-2][0-9])(17|67)';

/** The number of hung fetches in the batch. */
export const HUNG_TOTAL = 260;

/** One in this many answers of the flaky path is a 500. */
export const FLAKY_SHARE = 0.01;

/** JSON of exactly this many bytes: records like those of a small API. */
export function bodyOf(bytes: number): string {
  const rows: string[] = [];
  let length = 2;
  for (let at = 0; ; at++) {
    const row = `{"id":${at},"country":"Norway","cases":${at * 37},"status":"confirmed"}`;
    if (length + row.length + 1 > bytes - 20) {
      break;
    }
    rows.push(row);
    length += row.length + 1;
  }
  // A last string fills the rest.
  const text = `[${rows.join(',')},""]`;
  return `[${rows.join(',')},"${'x'.repeat(bytes - text.length)}"]`;
}
