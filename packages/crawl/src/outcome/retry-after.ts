const SECONDS = /^\d+$/;
/** RFC 9110 section 5.6.7: IMF-fixdate, RFC 850 date, asctime date. */
const HTTP_DATES = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/**
 * The delay in milliseconds that a `Retry-After` value asks for; 0 for a date in the past,
 * undefined for anything that is neither seconds nor an HTTP date. There is no upper bound:
 * `Infinity` is possible.
 *
 * @param now epoch milliseconds
 */
export function parseRetryAfter(value: string, now: number): number | undefined {
  const text = value.trim();
  if (SECONDS.test(text)) {
    return Number(text) * 1000;
  }
  const at = parseHttpDate(text);
  return at === undefined ? undefined : Math.max(0, at - now);
}

/** Epoch milliseconds of an HTTP date in any of its three forms; undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  if (!HTTP_DATES.some((pattern) => pattern.test(text))) {
    return undefined;
  }
  // The asctime form names no zone; it is GMT by definition.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : at;
}
