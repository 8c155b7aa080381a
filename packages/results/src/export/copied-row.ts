import { linePrefix } from '../folder/record-line.ts';
import {
  BODY,
  BODY_ENCODING,
  type LayoutOptions,
  type LineField,
  lineLayout,
} from './line-layout.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const BACKSLASH = 0x5c;
const CLOSING_BRACE = 0x7d;
const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

/** Bytes of a row beyond twice its line: a comma for each missing field. */
export const ROW_OVERHEAD_BYTES = 64;

interface Field extends Pick<LineField, 'before' | 'isOptional' | 'after'> {
  /** The value of `unlisted` is of capital letters and has no column. */
  readonly kind: LineField['kind'] | 'unlisted';
}

/**
 * Makes a CSV row from a line without parsing it. Workers write the fields in the order of the
 * columns, so values are copied left to right, four times as fast as parsing. Rejects lines that
 * are not exactly as workers write them, or that need more than copying (a backslash in a string).
 */
export class CopiedRow {
  readonly #prefix: Buffer;
  readonly #fields: readonly Field[];
  #data: Buffer = Buffer.alloc(0);
  #from = 0;
  #out: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(batch: string, columns: LayoutOptions) {
    this.#prefix = linePrefix(batch);
    this.#fields = lineLayout(columns).map((field) =>
      field.name === 'method' ? { ...field, kind: 'unlisted' } : field,
    );
  }

  /**
   * Copies the line in `data` from `start` to `end` (its newline) to position `at` of `out`, which
   * must have space for twice the bytes of the line and `ROW_OVERHEAD_BYTES`.
   *
   * Called for every record, hence no options object.
   *
   * @returns the end of the row in `out`; -1 if the line must be parsed
   */
  copy(data: Buffer, [start, end]: readonly [number, number], out: Buffer, at: number): number {
    this.#data = data;
    this.#from = start + this.#prefix.length;
    this.#out = out;
    this.#at = at;
    const isCopied = this.#number() && this.#fields.every((field) => this.#field(field));
    if (!isCopied || !this.#encodedBody(end)) {
      return -1;
    }
    out[this.#at] = LINE_FEED;
    return this.#at + 1;
  }

  #field({ before, kind, isOptional, after }: Field): boolean {
    if (kind === 'unlisted') {
      return !this.#skip(before) || this.#passCapitals();
    }
    this.#out[this.#at] = COMMA;
    this.#at += 1;
    if (!this.#skip(before)) {
      return isOptional;
    }
    return (kind === 'string' ? this.#string() : this.#number()) && this.#skip(after);
  }

  /** Copies the last two columns and checks the end of the line. */
  #encodedBody(end: number): boolean {
    this.#out[this.#at] = COMMA;
    this.#at += 1;
    const isEncoded = this.#skip(BODY_ENCODING);
    if (isEncoded && !this.#string()) {
      return false;
    }
    this.#out[this.#at] = COMMA;
    this.#at += 1;
    const hasBody = this.#skip(BODY);
    if (hasBody && isEncoded && !(this.#skip(OPENING_QUOTE) && this.#string())) {
      return false;
    }
    if (hasBody && !isEncoded) {
      this.#json(end - 1);
    }
    return this.#from === end - 1 && this.#data[this.#from] === CLOSING_BRACE;
  }

  /** Moves past `text` if it comes next. @returns whether it did */
  #skip(text: Buffer): boolean {
    for (let at = 0; at < text.length; at += 1) {
      if (this.#data[this.#from + at] !== text[at]) {
        return false;
      }
    }
    this.#from += text.length;
    return true;
  }

  /** Moves past the rest of a string of capital letters. */
  #passCapitals(): boolean {
    for (;;) {
      const byte = this.#data[this.#from] ?? 0;
      this.#from += 1;
      if (byte < CAPITAL_A || byte > CAPITAL_Z) {
        return byte === QUOTE;
      }
    }
  }

  /** Copies a string. Begins after its opening quote and ends after its closing quote. */
  #string(): boolean {
    const data = this.#data;
    const out = this.#out;
    const start = this.#at;
    let from = this.#from;
    let at = start;
    let hasComma = false;
    for (;;) {
      const byte = data[from];
      from += 1;
      if (byte === QUOTE) {
        break;
      }
      if (byte === undefined || byte < SPACE || byte === BACKSLASH) {
        return false;
      }
      if (byte === COMMA) {
        hasComma = true;
      }
      out[at] = byte;
      at += 1;
    }
    this.#from = from;
    this.#at = at;
    if (hasComma) {
      this.#quote(start);
    }
    return true;
  }

  /** Copies a number without sign and exponent, which is written alike in JSON and CSV. */
  #number(): boolean {
    const start = this.#from;
    if (!this.#digits()) {
      return false;
    }
    if (this.#data[start] === ZERO && this.#from - start > 1) {
      return false;
    }
    if (this.#data[this.#from] !== POINT) {
      return true;
    }
    this.#out[this.#at] = POINT;
    this.#at += 1;
    this.#from += 1;
    return this.#digits();
  }

  #digits(): boolean {
    const start = this.#from;
    for (;;) {
      const byte = this.#data[this.#from] ?? 0;
      if (byte < ZERO || byte > NINE) {
        return this.#from > start;
      }
      this.#out[this.#at] = byte;
      this.#at += 1;
      this.#from += 1;
    }
  }

  /** Copies embedded JSON unchanged, up to `end`. */
  #json(end: number): void {
    const start = this.#at;
    let needsQuotes = false;
    for (; this.#from < end; this.#from += 1) {
      const byte = this.#data[this.#from] ?? 0;
      this.#out[this.#at] = byte;
      this.#at += 1;
      if (byte === QUOTE) {
        this.#out[this.#at] = QUOTE;
        this.#at += 1;
      }
      needsQuotes ||= byte === QUOTE || byte === COMMA || byte === CARRIAGE_RETURN;
    }
    if (needsQuotes) {
      this.#quote(start);
    }
  }

  /** Quotes the cell that begins at `start`. */
  #quote(start: number): void {
    this.#out.copyWithin(start + 1, start, this.#at);
    this.#out[start] = QUOTE;
    this.#out[this.#at + 1] = QUOTE;
    this.#at += 2;
  }
}

const OPENING_QUOTE = Buffer.from('"');
