import type { FetchResponse } from '../outcome/outcome.ts';
import { textOfBody } from '../record/encode-record.ts';
import { JsonDocument } from '../select/json-document.ts';

/**
 * The body of an answer in the charset that it says; undefined if it is not JSON. Its type does not
 * count, because many APIs send another one.
 */
export function readJson({
  body: bytes,
  headers,
}: Pick<FetchResponse, 'body' | 'headers'>): JsonDocument | undefined {
  const text = textOfBody({ bytes, contentType: headers['content-type'] ?? '' });
  return text === undefined ? undefined : JsonDocument.parse(text);
}
