import { isAscii, isUtf8 } from 'node:buffer';
import { isJson } from './is-json.ts';
import type { FetchRecord } from './record.ts';

/** A response body, decompressed. */
export interface RecordBody {
  readonly bytes: Buffer;
  /** @default the record's own */
  readonly contentType?: string;
}

const JSON_TYPE = /^\s*application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i;

/**
 * Encodes a record as one line of NDJSON without its newline. The keys have a fixed order and
 * `body` is last, so readers find index and body without parsing the line. String concatenation,
 * because this runs for every fetch.
 */
export function encodeRecord(record: FetchRecord, body?: RecordBody): string {
  const { status, contentType, error } = record;
  return (
    `{"batch":${quote(record.batch)},"index":${record.index},"params":${JSON.stringify(record.params)}` +
    `,"url":${quote(record.url)},"outcome":"${record.outcome}"` +
    (status === undefined ? '' : `,"status":${status}`) +
    `,"attempts":${record.attempts},"startedAt":${quote(record.startedAt)}` +
    `,"durationMs":${record.durationMs},"bytes":${record.bytes}` +
    (contentType === undefined ? '' : `,"contentType":${quote(contentType)}`) +
    `,"worker":${quote(record.worker)}` +
    (error === undefined
      ? ''
      : `,"error":{"code":${quote(error.code)},"message":${quote(error.message)}}`) +
    (body === undefined ? '}' : `${encodeBody(body.bytes, body.contentType ?? contentType)}}`)
  );
}

function encodeBody(bytes: Buffer, contentType: string | undefined): string {
  if (!isUtf8(bytes)) {
    return `,"bodyEncoding":"base64","body":"${bytes.toString('base64')}"`;
  }
  const text = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');
  if (contentType !== undefined && JSON_TYPE.test(contentType) && isJson(text)) {
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
