import { decodeText, utf8Text } from './body-charset.ts';
import { jsonOnOneLine } from './is-json.ts';
import type { MediaType } from './media-type.ts';
import { STEP, type Steps } from './steps.ts';

/**
 * Longer texts are kept as base64, which grows by a third. Control characters grow to six times
 * their size, beyond what fits in a string (2^29).
 */
const MAX_TEXT = 400 * 1_024 * 1_024;

const CLOSING_BRACE = Buffer.from('}');
const CLOSING_QUOTE_AND_BRACE = Buffer.from('"}');

/** What follows the head of a record in its line: the body, and how it is encoded. */
type EncodedBody = readonly (string | Uint8Array)[];

/** JSON is not copied: the line has the bytes of the body itself. */
export function* encodeBody(bytes: Buffer, type: MediaType): Steps<EncodedBody> {
  const decoded = yield* decodeText(bytes, type);
  if (decoded === undefined) {
    return yield* withBase64(bytes);
  }
  const { utf8, charset } = decoded;
  const start = charset === undefined ? '' : `,"charset":"${charset}"`;
  const json = type.isJson ? yield* jsonOnOneLine(utf8) : undefined;
  if (json !== undefined) {
    return [`${start},"body":`, ...json, CLOSING_BRACE];
  }
  // Without its charset, if even the text of the body is longer than a line can be.
  return (yield* withText(start, utf8)) ?? (yield* withBase64(bytes));
}

/** Undefined if it is longer than a line can be. */
function* withText(before: string, utf8: Buffer): Steps<EncodedBody | undefined> {
  const start = `${before},"bodyEncoding":"text","body":`;
  if (utf8.length <= STEP) {
    return [`${start}${JSON.stringify(utf8Text(utf8))}}`];
  }
  const escaped: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < utf8.length;) {
    const end = startOfCharacter(utf8, at + STEP);
    const piece = JSON.stringify(utf8Text(utf8.subarray(at, end))).slice(1, -1);
    length += piece.length;
    if (length > MAX_TEXT) {
      return undefined;
    }
    escaped.push(Buffer.from(piece));
    at = end;
    yield;
  }
  return [`${start}"`, ...escaped, CLOSING_QUOTE_AND_BRACE];
}

/** The position, or the one of the character that it is inside of. */
function startOfCharacter(utf8: Buffer, position: number): number {
  let at = Math.min(position, utf8.length);
  while (((utf8[at] ?? 0) & 0xc0) === 0x80) {
    at -= 1;
  }
  return at;
}

function* withBase64(bytes: Buffer): Steps<EncodedBody> {
  const start = ',"bodyEncoding":"base64","body":"';
  if (bytes.length <= STEP) {
    return [`${start}${bytes.toString('base64')}"}`];
  }
  // Only a multiple of three bytes ends without padding.
  const step = 3 * STEP;
  const encoded: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    encoded.push(Buffer.from(bytes.toString('base64', at, at + step), 'latin1'));
    yield;
  }
  return [start, ...encoded, CLOSING_QUOTE_AND_BRACE];
}
