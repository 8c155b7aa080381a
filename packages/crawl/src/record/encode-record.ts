import { decodeText, isPlainUtf8, utf8Text } from './body-charset.ts';
import { isJson } from './is-json.ts';
import { mediaTypeOf } from './media-type.ts';
import type { FetchRecord } from './record.ts';

/** A response body, decompressed. */
export interface RecordBody {
  readonly bytes: Buffer;
  /** @default the record's own */
  readonly contentType?: string;
}

/**
 * Encodes a record as one line of NDJSON without its newline. The keys have a fixed order and
 * `body` is last, so readers find index and body without parsing the line. String concatenation,
 * because this runs for every fetch.
 */
export function encodeRecord(record: FetchRecord, body?: RecordBody): string {
  const { status, contentType, finalUrl, error } = record;
  return (
    `{"batch":${quote(record.batch)},"index":${record.index},"params":${JSON.stringify(record.params)}` +
    `,"url":${quote(record.url)},"outcome":"${record.outcome}"` +
    (status === undefined ? '' : `,"status":${status}`) +
    `,"attempts":${record.attempts},"startedAt":${quote(record.startedAt)}` +
    `,"durationMs":${record.durationMs},"bytes":${record.bytes}` +
    (contentType === undefined ? '' : `,"contentType":${quote(contentType)}`) +
    `,"worker":${quote(record.worker)}` +
    (finalUrl === undefined ? '' : `,"finalUrl":${quote(finalUrl)}`) +
    (error === undefined
      ? ''
      : `,"error":{"code":${quote(error.code)},"message":${quote(error.message)}}`) +
    (body === undefined ? '}' : `${encodeBody(body.bytes, body.contentType ?? contentType)}}`)
  );
}

/** The last fields: `charset`, `bodyEncoding` and `body`. */
function encodeBody(bytes: Buffer, contentType: string | undefined): string {
  const type = mediaTypeOf(contentType);
  if (isPlainUtf8(bytes, type)) {
    return encodeText(utf8Text(bytes), type.isJson);
  }
  const decoded = decodeText(bytes, type);
  if (decoded === undefined) {
    return `,"bodyEncoding":"base64","body":"${bytes.toString('base64')}"`;
  }
  const { text, charset } = decoded;
  const encoded = encodeText(text, type.isJson);
  return charset === undefined ? encoded : `,"charset":"${charset}"${encoded}`;
}

function encodeText(text: string, isJsonType: boolean): string {
  if (isJsonType && isJson(text)) {
    return `,"body":${onOneLine(text)}`;
  }
  // Includes bodies that only claim to be JSON.
  return `,"bodyEncoding":"text","body":${quote(text)}`;
}

/** Raw line breaks in JSON are always between tokens, where a space means the same. */
function onOneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replaceAll(/[\r\n]/g, ' ') : json;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
