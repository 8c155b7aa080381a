import { type BodyPlace, MAX_PAGES, parseBodyPlace } from '@fetchfleet/crawl';

/**
 * Reads fields of a record from its bytes, without parsing the line. A line looks like
 *
 *     {"batch":"b","index":17,"params":{…},"url":"…","outcome":"ok",…,"startedAt":"…",…,"body":…}
 *
 * and with pages
 *
 *     {"batch":"b","index":17,"page":3,"end":"no-next","params":{…},…
 *
 * Quotes inside strings are escaped and `params` holds only strings. After `},"url":` no value can
 * therefore contain the bytes of a key that is searched here, except `body`, which comes last.
 */
const AFTER_PARAMS = Buffer.from('},"url":');
const PAGE_KEY = Buffer.from(',"page":');
const END_KEY = Buffer.from(',"end":"');
const BODY_KEY = Buffer.from(',"body":');
const OUTCOME_KEY = Buffer.from(',"outcome":"');
const STARTED_KEY = Buffer.from(',"startedAt":"');
const UNCHANGED_KEY = Buffer.from(',"unchanged":');
const CLOSING_BRACE = 0x7d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;

/** The longest index: all integers of 15 digits are exact. */
const MAX_INDEX_DIGITS = 15;

/** The bytes that every valid line of a batch begins with. */
export function linePrefix(batch: string): Buffer {
  return Buffer.from(`{"batch":${JSON.stringify(batch)},"index":`);
}

/** The index of the line that begins at `from`; -1 if the line is not a record of this batch. */
export function readIndex(data: Buffer, from: number, prefix: Buffer): number {
  const digits = from + prefix.length;
  // For so few bytes a loop takes less than half the time of `compare`.
  for (let at = 0; at < prefix.length; at += 1) {
    if (data[from + at] !== prefix[at]) {
      return -1;
    }
  }
  let index = 0;
  for (let at = digits; at - digits <= MAX_INDEX_DIGITS; at += 1) {
    const byte = data[at];
    if (byte === COMMA) {
      return at === digits ? -1 : index;
    }
    if (byte === undefined || byte < ZERO || byte > NINE) {
      return -1;
    }
    index = index * 10 + byte - ZERO;
  }
  return -1;
}

/** The page of a record. */
export interface RecordPage {
  /** From 1; 0 in a batch without pages. */
  readonly page: number;
  /** Whether it is the last one of its fetch. */
  readonly isLast: boolean;
}

/** One object for all records without pages. */
export const NO_PAGE: RecordPage = { page: 0, isLast: true };

/**
 * The page of a line with an index, see {@link readIndex}; undefined if its number cannot be one.
 */
export function readPage(data: Buffer, from: number, prefix: Buffer): RecordPage | undefined {
  let at = from + prefix.length;
  while (at < data.length && data[at] !== COMMA) {
    at += 1;
  }
  if (!hasText(data, at, PAGE_KEY)) {
    return NO_PAGE;
  }
  let page = 0;
  at += PAGE_KEY.length;
  for (let digit = digitAt(data, at); digit >= 0 && page <= MAX_PAGES; digit = digitAt(data, at)) {
    page = page * 10 + digit;
    at += 1;
  }
  if (page < 1 || page > MAX_PAGES || data[at] !== COMMA) {
    return undefined;
  }
  return { page, isLast: hasText(data, at, END_KEY) };
}

/** -1 if there is none. */
function digitAt(data: Buffer, at: number): number {
  const byte = data[at] ?? 0;
  return byte >= ZERO && byte <= NINE ? byte - ZERO : -1;
}

function hasText(data: Buffer, from: number, text: Buffer): boolean {
  // The last byte first: `params` begins like `page`.
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (data[from + at] !== text[at]) {
      return false;
    }
  }
  return true;
}

/** Decides which of several records of a fetch an export keeps. */
export interface Rank {
  readonly isOk: boolean;
  readonly startedAt: string;
}

/** The rank of the record that begins with `head`; undefined if `head` is too short. */
export function readRank(head: Buffer): Rank | undefined {
  const outcome = readString(head, OUTCOME_KEY);
  const startedAt = readString(head, STARTED_KEY);
  if (outcome === undefined || startedAt === undefined) {
    return undefined;
  }
  return { isOk: outcome === 'ok', startedAt };
}

/** A success is better than a failure; with the same outcome, the later start is better. */
export function isBetter(one: Rank, other: Rank): boolean {
  if (one.isOk !== other.isOk) {
    return one.isOk;
  }
  return one.startedAt > other.startedAt;
}

/** Splits a line without its newline: the record without its body as JSON, and the raw body. */
export function splitBody(line: Buffer): { readonly head: string; readonly body?: Buffer } {
  const params = line.indexOf(AFTER_PARAMS);
  const key = params < 0 ? -1 : line.indexOf(BODY_KEY, params);
  if (key < 0) {
    return { head: line.toString('utf8') };
  }
  const body = line.subarray(key + BODY_KEY.length, line.length - 1);
  return { head: `${line.toString('utf8', 0, key)}}`, body };
}

/** More than the key and its value take. */
const MAX_UNCHANGED_BYTES = 256;

/**
 * Where the body of a record is, if that is in another batch. The key ends the line: no body of a
 * record can look like it, because another brace would follow.
 *
 * @param line without its newline
 */
export function readUnchanged(line: Buffer): BodyPlace | undefined {
  const { length } = line;
  const isPlace =
    line[length - 1] === CLOSING_BRACE &&
    line[length - 2] === CLOSING_BRACE &&
    digitAt(line, length - 3) >= 0;
  if (!isPlace) {
    return undefined;
  }
  const end = line.subarray(Math.max(0, length - MAX_UNCHANGED_BYTES), length - 1);
  const at = end.lastIndexOf(UNCHANGED_KEY);
  if (at < 0) {
    return undefined;
  }
  try {
    return parseBodyPlace(JSON.parse(end.toString('utf8', at + UNCHANGED_KEY.length)));
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

function readString(head: Buffer, key: Buffer): string | undefined {
  const params = head.indexOf(AFTER_PARAMS);
  const found = params < 0 ? -1 : head.indexOf(key, params);
  const end = found < 0 ? -1 : head.indexOf(QUOTE, found + key.length);
  return end < 0 ? undefined : head.toString('latin1', found + key.length, end);
}
