import { setImmediate } from 'node:timers/promises';
import {
  decodeText,
  isPlainUtf8,
  STEP,
  type Steps,
  utf8Text,
  utf8TextInSteps,
} from './body-charset.ts';
import { isJson, isJsonInSteps } from './is-json.ts';
import { mediaTypeOf } from './media-type.ts';
import { isShallowJson } from './shallow-json.ts';
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

/**
 * Encodes a record as one line of NDJSON without its newline. The keys have a fixed order and
 * `body` is last, so readers find index and body without parsing the line. String concatenation,
 * because this runs for every fetch.
 */
export function encodeRecord(record: FetchRecord, body?: RecordBody): string {
  const head = encodeHead(record);
  if (body === undefined) {
    return `${head}}`;
  }
  const decoded = decodeSmall(body, record);
  if (decoded === undefined) {
    return head + base64Tail(body.bytes.toString('base64'));
  }
  const { text, charset, isJsonType, utf8 } = decoded;
  const start = charset === undefined ? head : head + charsetField(charset);
  return isJsonType && (isShallowJson(text) || isJson(utf8 ?? Buffer.from(text)))
    ? start + jsonTail(text)
    : `${start},"bodyEncoding":"text","body":${quote(text)}}`;
}

/** The same in steps of about a millisecond, for large bodies. */
export async function encodeLargeRecord(record: FetchRecord, body: RecordBody): Promise<string> {
  const head = encodeHead(record);
  const decoded = await paused(decodeLarge(body, record));
  if (decoded === undefined) {
    return head + base64Tail(await base64InSteps(body.bytes));
  }
  const { text, charset, isJsonType, utf8 } = decoded;
  const start = head + charsetField(charset);
  if (isJsonType && (await isJsonInSteps(utf8 ?? Buffer.from(text), STEP, setImmediate))) {
    return `${start},"body":${await mapInSteps(text, onOneLine)}}`;
  }
  const escaped = await escapeInSteps(text);
  return escaped === undefined
    ? head + base64Tail(await base64InSteps(body.bytes))
    : `${start},"bodyEncoding":"text","body":"${escaped}"}`;
}

/** The same with what was selected of a body that is JSON; without a body if that is nothing. */
export function encodeSelection(record: FetchRecord, json: string | undefined): string {
  const head = encodeHead(record);
  return json === undefined ? `${head}}` : `${head},"body":${json}}`;
}

/** A body as text, decoded as a record has it. Undefined if it is no text. */
export function textOfBody({ bytes, contentType }: RecordBody): string | undefined {
  return decodeSmall({ bytes }, { contentType })?.text;
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

interface DecodedBody {
  readonly text: string;
  /** Undefined for UTF-8. */
  readonly charset?: string | undefined;
  readonly isJsonType: boolean;
  /** The text as UTF-8, where it came like that. */
  readonly utf8?: Buffer;
}

type Typed = Pick<FetchRecord, 'contentType'>;

/** Undefined if the body is no text. */
function decodeSmall(body: RecordBody, record: Typed): DecodedBody | undefined {
  const { bytes, contentType } = body;
  const type = mediaTypeOf(contentType ?? record.contentType);
  // No steps for the usual body: this runs for every fetch.
  return isPlainUtf8(bytes, type)
    ? { text: utf8Text(bytes), isJsonType: type.isJson, utf8: bytes }
    : atOnce(decodeLarge(body, record));
}

/** The same in steps. */
function* decodeLarge(
  { bytes, contentType }: RecordBody,
  record: Typed,
): Steps<DecodedBody | undefined> {
  const type = mediaTypeOf(contentType ?? record.contentType);
  const isJsonType = type.isJson;
  if (isPlainUtf8(bytes, type)) {
    return { text: yield* utf8TextInSteps(bytes), isJsonType, utf8: bytes };
  }
  const decoded = yield* decodeText(bytes, type);
  return decoded === undefined ? undefined : { ...decoded, isJsonType };
}

function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      return value;
    }
  }
}

async function paused<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      return value;
    }
    await setImmediate();
  }
}

function charsetField(charset: string | undefined): string {
  return charset === undefined ? '' : `,"charset":"${charset}"`;
}

function base64Tail(base64: string): string {
  return `,"bodyEncoding":"base64","body":"${base64}"}`;
}

async function base64InSteps(bytes: Buffer): Promise<string> {
  // Only a multiple of three bytes ends without padding.
  const step = 3 * STEP;
  let base64 = '';
  for (let at = 0; at < bytes.length; at += step) {
    base64 += bytes.toString('base64', at, at + step);
    await setImmediate();
  }
  return base64;
}

function jsonTail(json: string): string {
  return `,"body":${onOneLine(json)}}`;
}

/** Raw line breaks in JSON are always between tokens, where a space means the same. */
function onOneLine(json: string): string {
  const isOnOneLine = !json.includes('\n') && !json.includes('\r');
  return isOnOneLine ? json : json.replaceAll(/[\r\n]/g, ' ');
}

/** What stands between the quotes of a text; undefined if it is longer than a line can be. */
async function escapeInSteps(text: string): Promise<string | undefined> {
  return mapInSteps(text, (piece) => quote(piece).slice(1, -1));
}

/**
 * What a function makes of the pieces of a text, none of which cuts a pair of surrogates; undefined
 * if it is longer than a line can be.
 */
async function mapInSteps(
  text: string,
  map: (piece: string) => string,
): Promise<string | undefined> {
  let mapped = '';
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + STEP, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) {
      end += 1;
    }
    mapped += map(text.slice(at, end));
    if (mapped.length > MAX_TEXT) {
      return undefined;
    }
    at = end;
    await setImmediate();
  }
  return mapped;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
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
