/**
 * Headers that have one value. If one comes twice, joining the values with a comma makes a third
 * value that nobody sent.
 */
const SINGLE_VALUED = new Set([
  'age',
  'content-disposition',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'refresh',
  'retry-after',
  'server',
  'strict-transport-security',
  'x-rate-limit-remaining',
  'x-rate-limit-reset',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
]);

/**
 * The value of a header that was `known` and comes again: joined if it is a list. Of a header with
 * one value the first counts, as for curl and Node; of `content-type` the last, as for browsers.
 */
function mergeRepeated(name: string, known: string, value: string): string {
  if (!SINGLE_VALUED.has(name)) {
    return `${known}, ${value}`;
  }
  if (known === '') {
    return value;
  }
  return name === 'content-type' && value !== '' ? value : known;
}

/** Adds a header to those that came before it. */
export function addHeader(headers: Record<string, string>, name: string, value: string): void {
  // `hasOwn`: a header may be called "constructor".
  headers[name] = Object.hasOwn(headers, name)
    ? mergeRepeated(name, headers[name] ?? '', value)
    : value;
}
