/** What the origins answer, whichever program they run on. */

/** Sizes of bodies, in bytes; the first is the usual one. */
export const BODY_BYTES = [1_200, 50_000, 1_000_000] as const;

/** Latencies there are paths for, in milliseconds. */
export const DELAYS_MS = [20, 100, 1_000] as const;

/** How long a hung fetch takes. */
export const HUNG_MS = 2_000;

/** Where they are not waited for: how long until they are given up. */
export const HUNG_TIMEOUT_MS = 1_500;

/** What the others beside it take. */
export const HUNG_BASE_MS = 100;

/** The first number of a batch with hung fetches, and how many there are: all of five digits. */
export const HUNG_NUMBERS = { from: 10_000, total: 16_000 } as const;

/**
 * One number in fifty, as long as it is not among the last 3,000: what hangs when nothing else is left to do would only
 * measure the length of the batch. They take longer than a hung fetch.
 */
export const HUNG = '(1[0-9][0-9]|2[0-2][0-9])(17|67)';

/** How many of the batch hang. */
export const HUNG_TOTAL = 260;

/** Every one of a hundred answers of the flaky path is a 500. */
export const FLAKY_SHARE = 0.01;

/** JSON of exactly so many bytes: records like those of a small API. */
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
  // A last string makes up for the rest.
  const text = `[${rows.join(',')},""]`;
  return `[${rows.join(',')},"${'x'.repeat(bytes - text.length)}"]`;
}
