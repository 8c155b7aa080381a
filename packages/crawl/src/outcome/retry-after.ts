/** However long an origin asks for, it is asked again after an hour. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

const SECONDS = /^\d+$/;
/** RFC 9110 section 5.6.7: IMF-fixdate, RFC 850 date, asctime date. */
const HTTP_DATES = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/**
 * Milliseconds from `now` that a `Retry-After` value asks for; a date in the past is 0, anything that
 * is neither seconds nor an HTTP date is undefined.
 *
 * @param now epoch milliseconds
 */
export function parseRetryAfter(
  value: string,
  now: number,
  capMs = MAX_RETRY_AFTER_MS,
): number | undefined {
  const text = value.trim();
  if (SECONDS.test(text)) return Math.min(Number(text) * 1000, capMs);
  const at = parseHttpDate(text);
  return at === undefined ? undefined : Math.min(Math.max(0, at - now), capMs);
}

/** Epoch milliseconds of an HTTP date in any of its three forms; undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  if (!HTTP_DATES.some((pattern) => pattern.test(text))) return undefined;
  // The asctime form names no zone; it is GMT by definition.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : at;
}
