import { BODY, BODY_ENCODING, type LineField, lineLayout } from '../export/line-layout.ts';

const QUOTE = 0x22;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const SPACE = 0x20;
const LETTER_U = 0x75;

/** What may follow a backslash, besides `u` and four digits. */
const ESCAPES = Buffer.from('"\\/bfnrt');
const HEX = /^[\dA-Fa-f]{4}$/;

/** A line that lacks a value has it here. */
export const NOWHERE = -1;

/**
 * Finds the values of a record in its line without parsing it, which takes several times as long.
 * Accepts only lines that are exactly as workers write them; any other must be parsed.
 */
export class LineScanner {
  readonly #fields: readonly LineField[];
  readonly #slots: ReadonlyMap<string, number>;
  readonly #body: number;
  readonly #bodyEncoding: number;
  readonly #code: number;
  readonly #message: number;
  readonly #coded: Uint8Array;
  /** What the last line is in. */
  data: Buffer = Buffer.alloc(0);
  /** Where the value of each slot begins and ends; strings without their quotes. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  constructor(params: readonly string[]) {
    this.#fields = fieldsOf(params);
    const names = [...this.#fields.map(({ name }) => name), 'body'];
    this.#slots = new Map(names.map((name, slot) => [name, slot]));
    this.#body = names.length - 1;
    [this.#bodyEncoding, this.#code, this.#message] = [
      names.indexOf('bodyEncoding'),
      names.indexOf('error.code'),
      names.indexOf('error.message'),
    ];
    this.starts = new Int32Array(names.length);
    this.ends = new Int32Array(names.length);
    this.#coded = new Uint8Array(names.length);
  }

  /** The slot of a field; undefined for one whose value is no single part of a line. */
  slotOf(name: string): number | undefined {
    return this.#slots.get(name);
  }

  /** The bytes of the value are not the value: it is an object, or a string with a backslash. */
  isCoded(slot: number): boolean {
    return this.#coded[slot] === 1;
  }

  /** A value that the line has, as JSON. */
  jsonOf(slot: number): string {
    const quote = this.#fields[slot]?.kind === 'string' ? 1 : 0;
    const from = this.starts[slot] ?? 0;
    return this.data.toString('utf8', from - quote, (this.ends[slot] ?? from) + quote);
  }

  /** The body is a text, not embedded JSON. */
  get isBodyEncoded(): boolean {
    return this.starts[this.#bodyEncoding] !== NOWHERE;
  }

  /**
   * Finds the values of the line in `data` from `start` to `end`, its newline.
   *
   * Called for every record, hence no options object.
   *
   * @returns whether all is found; if not, the line must be parsed
   */
  scan(data: Buffer, start: number, end: number): boolean {
    const { starts, ends } = this;
    const fields = this.#fields;
    this.data = data;
    let at = start;
    for (let slot = 0; slot < fields.length; slot += 1) {
      const field = fields[slot];
      if (field === undefined) {
        return false;
      }
      const from = skip(data, at, field.before);
      if (from < 0) {
        if (!field.isOptional) {
          return false;
        }
        starts[slot] = NOWHERE;
        continue;
      }
      const to = this.#valueEnd(from, slot, field.kind);
      starts[slot] = from;
      ends[slot] = to;
      at = to < 0 ? to : skip(data, field.kind === 'string' ? to + 1 : to, field.after);
      if (at < 0) {
        return false;
      }
    }
    const hasError = starts[this.#code] !== NOWHERE;
    return hasError === (starts[this.#message] !== NOWHERE) && this.#findBody(data, at, end - 1);
  }

  /** @returns where a value ends; -1 if it must be parsed */
  #valueEnd(from: number, slot: number, kind: LineField['kind']): number {
    const { data } = this;
    if (kind === 'number') {
      return numberEnd(data, from);
    }
    const end = kind === 'object' ? objectEnd(data, from) : plainEnd(data, from);
    const isPlain = kind === 'string' && data[end] === QUOTE;
    this.#coded[slot] = isPlain ? 0 : 1;
    return isPlain || kind === 'object' ? end : codedEnd(data, end);
  }

  #findBody(data: Buffer, at: number, brace: number): boolean {
    const from = skip(data, at, BODY);
    this.starts[this.#body] = from < 0 ? NOWHERE : from;
    this.ends[this.#body] = brace;
    return (from < 0 ? at === brace : from <= brace) && data[brace] === CLOSING_BRACE;
  }
}

/** All that comes before the body, in the order of the record. */
function fieldsOf(params: readonly string[]): LineField[] {
  const fields = lineLayout({ params, hasPages: true });
  const url = fields.findIndex(({ name }) => name === 'url');
  const charset = fields.findIndex(({ name }) => name === 'charset');
  return [
    { ...unlisted('batch', 'string', '{"batch":"'), isOptional: false },
    { ...unlisted('index', 'number', ',"index":'), isOptional: false },
    ...fields.slice(0, url),
    unlisted('headers', 'object', ',"headers":'),
    ...fields.slice(url, charset),
    unlisted('selected', 'number', ',"selected":'),
    unlisted('validators', 'object', ',"validators":'),
    unlisted('unchanged', 'object', ',"unchanged":'),
    ...fields.slice(charset),
    { ...unlisted('bodyEncoding', 'string', ''), before: BODY_ENCODING },
  ];
}

/** A field without a column of its own in CSV. */
function unlisted(name: string, kind: LineField['kind'], before: string): LineField {
  return { name, kind, isOptional: true, before: Buffer.from(before), after: Buffer.alloc(0) };
}

/** @returns where `text` ends, which begins at `from`; -1 if something else stands there */
function skip(data: Buffer, from: number, text: Buffer): number {
  for (let at = 0; at < text.length; at += 1) {
    if (data[from + at] !== text[at]) {
      return -1;
    }
  }
  return from + text.length;
}

/** @returns the closing quote, or the first byte that is more than itself */
function plainEnd(data: Buffer, from: number): number {
  for (let at = from; ; at += 1) {
    const byte = data[at] ?? 0;
    if (byte === QUOTE || byte === BACKSLASH || byte < SPACE) {
      return at;
    }
  }
}

/** @param from the first backslash. @returns the closing quote; -1 if the string is none */
function codedEnd(data: Buffer, from: number): number {
  let at = from;
  while (data[at] === BACKSLASH) {
    const next = data[at + 1] ?? 0;
    const length = next === LETTER_U && areHex(data, at + 2) ? 6 : 2;
    if (length === 2 && !ESCAPES.includes(next)) {
      return -1;
    }
    at = plainEnd(data, at + length);
  }
  return data[at] === QUOTE ? at : -1;
}

function areHex(data: Buffer, from: number): boolean {
  return HEX.test(data.toString('latin1', from, from + 4));
}

/** A number without sign and exponent. */
function numberEnd(data: Buffer, from: number): number {
  const to = digitsEnd(data, from);
  if (to === from || (data[from] === ZERO && to - from > 1)) {
    return -1;
  }
  if (data[to] !== POINT) {
    return to;
  }
  const end = digitsEnd(data, to + 1);
  return end === to + 1 ? -1 : end;
}

function digitsEnd(data: Buffer, from: number): number {
  let at = from;
  for (let byte = data[at] ?? 0; byte >= ZERO && byte <= NINE; byte = data[at] ?? 0) {
    at += 1;
  }
  return at;
}

/** Objects have the texts of others, in which backslashes are common. They are few. */
function objectEnd(data: Buffer, from: number): number {
  const end = braceEnd(data, from);
  return end < 0 || !isJson(data.toString('utf8', from, end)) ? -1 : end;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function braceEnd(data: Buffer, from: number): number {
  let depth = 0;
  let isText = false;
  for (let at = from; ; at += 1) {
    const byte = data[at] ?? 0;
    if (byte < SPACE) {
      return -1;
    }
    if (isText && byte === BACKSLASH) {
      at += 1;
    } else if (byte === QUOTE) {
      isText = !isText;
    } else if (!isText && byte === OPENING_BRACE) {
      depth += 1;
    } else if (!isText && byte === CLOSING_BRACE) {
      depth -= 1;
    }
    if (depth === 0) {
      return at + 1;
    }
  }
}
