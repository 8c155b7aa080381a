/** The body of a parsed record. */
export interface EncodedBody {
  readonly bodyEncoding?: string;
  readonly body?: unknown;
}

/**
 * The bytes of the body of a parsed record; undefined if it has none. Base64 is exactly what was
 * served, and so is text unless it had a byte order mark or another charset: that is UTF-8 now.
 * Embedded JSON is serialised again, so numbers beyond 2^53 lose digits: use `bodyText` of the line
 * for those.
 */
export function decodeBody({ body, bodyEncoding }: EncodedBody): Buffer | undefined {
  if (body === undefined) {
    return undefined;
  }
  if (bodyEncoding === undefined || typeof body !== 'string') {
    return Buffer.from(JSON.stringify(body));
  }
  return Buffer.from(body, bodyEncoding === 'base64' ? 'base64' : 'utf8');
}

/**
 * The body of an encoded line as text: embedded JSON exactly as served (with line breaks as
 * spaces), text without quotes, anything else as base64. Undefined if there is no body.
 */
export function bodyText(line: string): string | undefined {
  // `params` may have any key, so the search starts after it. Quotes inside strings are escaped, so
  // neither search text can be part of a value.
  const afterParams = line.indexOf('},"url":');
  const key = ',"body":';
  const at = line.indexOf(key, afterParams);
  if (afterParams === -1 || at === -1) {
    return undefined;
  }
  const raw = line.slice(at + key.length, line.lastIndexOf('}'));
  const isEncoded = /,"bodyEncoding":"(?:text|base64)"$/.test(line.slice(Math.max(0, at - 32), at));
  if (!isEncoded) {
    return raw;
  }
  const text: unknown = JSON.parse(raw);
  return typeof text === 'string' ? text : raw;
}
