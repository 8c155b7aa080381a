import { decodeText, utf8Text } from './body-charset.ts';
import { jsonOnOneLine } from './is-json.ts';
import { type MediaType, mediaTypeOf } from './media-type.ts';
import type { RecordLine } from './record-line.ts';
import { atOnce, paused, STEP, type Steps } from './steps.ts';
import type { FetchRecord } from './record.ts';

/** A response body, decompressed. */
export interface RecordBody {
  readonly bytes: Buffer;
  /** @default the record's own */
  readonly contentType?: string;
}

/** Bodies from this size on are encoded in steps, so that no step blocks the process for long. */
export const LARGE_BODY_BYTES = 256 * 1_024;
/**
 * Longer texts are kept as base64, which grows by a third. Control characters grow to six times
 * their size, beyond what fits in a string (2^29).
 */
const MAX_TEXT = 400 * 1_024 * 1_024;

const CLOSING_BRACE = Buffer.from('}');
const CLOSING_QUOTE_AND_BRACE = Buffer.from('"}');

/**
 * Encodes a record as one line of NDJSON without its line end. The keys have a fixed order and
 * `body` is last, so readers find index and body without parsing the line. JSON is not copied: the
 * line has the bytes of the body itself. String concatenation, because this runs for every fetch.
 */
export function encodeRecord(record: FetchRecord, body?: RecordBody): RecordLine {
  const head = encodeHead(record);
  return body === undefined
    ? `${head}}`
    : atOnce(encodeBody(head, body.bytes, typeOf(body, record)));
}

/** The same in steps of about a millisecond, for large bodies. */
export async function encodeLargeRecord(
  record: FetchRecord,
  body: RecordBody,
): Promise<RecordLine> {
  return paused(encodeBody(encodeHead(record), body.bytes, typeOf(body, record)));
}

/** The same with what was selected of a body that is JSON; without a body if that is nothing. */
export function encodeSelection(record: FetchRecord, json: string | undefined): string {
  const head = encodeHead(record);
  return json === undefined ? `${head}}` : `${head},"body":${json}}`;
}

/** A body as text, decoded as a record has it. Undefined if it is no text. */
export function textOfBody({ bytes, contentType }: RecordBody): string | undefined {
  const decoded = atOnce(decodeText(bytes, mediaTypeOf(contentType)));
  return decoded && utf8Text(decoded.utf8);
}

function encodeHead(record: FetchRecord): string {
  const { page, end, headers, method, status, contentType, finalUrl, error, selected } = record;
  const { validators, unchanged } = record;
  return (
    `{"batch":${quoted.batch.of(record.batch)},"index":${record.index}` +
    // Readers find both behind the index, without parsing the line.
    (page === undefined ? '' : `,"page":${page}`) +
    (end === undefined ? '' : `,"end":"${end}"`) +
    `,"params":${JSON.stringify(record.params)}` +
    // Here, because readers look for the other keys behind the last object with names of others.
    (headers === undefined ? '' : `,"headers":${JSON.stringify(headers)}`) +
    `,"url":${quote(record.url)}` +
    (method === undefined ? '' : `,"method":"${method}"`) +
    `,"outcome":"${record.outcome}"` +
    (status === undefined ? '' : `,"status":${status}`) +
    `,"attempts":${record.attempts},"startedAt":${quoted.startedAt.of(record.startedAt)}` +
    `,"durationMs":${record.durationMs},"bytes":${record.bytes}` +
    (contentType === undefined ? '' : `,"contentType":${quoted.contentType.of(contentType)}`) +
    `,"worker":${quoted.worker.of(record.worker)}` +
    (finalUrl === undefined ? '' : `,"finalUrl":${quote(finalUrl)}`) +
    (error === undefined
      ? ''
      : `,"error":{"code":${quote(error.code)},"message":${quote(error.message)}}`) +
    (selected === undefined ? '' : `,"selected":${selected}`) +
    (validators === undefined ? '' : `,"validators":${JSON.stringify(validators)}`) +
    // The last key before a body, which such a record does not have: readers look for it at the
    // end.
    (unchanged === undefined ? '' : `,"unchanged":${JSON.stringify(unchanged)}`)
  );
}

function typeOf(body: RecordBody, record: FetchRecord): MediaType {
  return mediaTypeOf(body.contentType ?? record.contentType);
}

function* encodeBody(head: string, bytes: Buffer, type: MediaType): Steps<RecordLine> {
  const decoded = yield* decodeText(bytes, type);
  if (decoded === undefined) {
    return yield* withBase64(head, bytes);
  }
  const { utf8, charset } = decoded;
  const start = charset === undefined ? head : `${head},"charset":"${charset}"`;
  const json = type.isJson ? yield* jsonOnOneLine(utf8) : undefined;
  if (json !== undefined) {
    return [`${start},"body":`, ...json, CLOSING_BRACE];
  }
  // Without its charset, if even the text of the body is longer than a line can be.
  return (yield* withText(start, utf8)) ?? (yield* withBase64(head, bytes));
}

/** Undefined if it is longer than a line can be. */
function* withText(head: string, utf8: Buffer): Steps<RecordLine | undefined> {
  if (utf8.length <= STEP) {
    return `${head},"bodyEncoding":"text","body":${quote(utf8Text(utf8))}}`;
  }
  const escaped: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < utf8.length;) {
    const end = startOfCharacter(utf8, at + STEP);
    const piece = quote(utf8Text(utf8.subarray(at, end))).slice(1, -1);
    length += piece.length;
    if (length > MAX_TEXT) {
      return undefined;
    }
    escaped.push(Buffer.from(piece));
    at = end;
    yield;
  }
  return [`${head},"bodyEncoding":"text","body":"`, ...escaped, CLOSING_QUOTE_AND_BRACE];
}

/** The position, or the one of the character that it is inside of. */
function startOfCharacter(utf8: Buffer, position: number): number {
  let at = Math.min(position, utf8.length);
  while (((utf8[at] ?? 0) & 0xc0) === 0x80) {
    at -= 1;
  }
  return at;
}

function* withBase64(head: string, bytes: Buffer): Steps<RecordLine> {
  const start = `${head},"bodyEncoding":"base64","body":"`;
  if (bytes.length <= STEP) {
    return `${start}${bytes.toString('base64')}"}`;
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

/** Quotes a text that is mostly the same as the one before. */
class RepeatedText {
  #text = '';
  #quoted = '""';

  of(text: string): string {
    if (text !== this.#text) {
      this.#text = text;
      this.#quoted = quote(text);
    }
    return this.#quoted;
  }
}

const quoted = {
  batch: new RepeatedText(),
  startedAt: new RepeatedText(),
  contentType: new RepeatedText(),
  worker: new RepeatedText(),
};

function quote(text: string): string {
  return JSON.stringify(text);
}
