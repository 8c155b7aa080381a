import { JsonDocument } from '@fetchfleet/crawl';
import { parseHead, type RecordHead } from '../export/parsed-row.ts';
import { splitBody } from '../folder/record-line.ts';

/** A record, or an item of its body, as it is written. */
export interface Row {
  /** The record without its body. */
  readonly head: RecordHead;
  /** The same as it is in the line. */
  readonly headText: string;
  /** The body as JSON text, with the digits of its numbers. */
  readonly body?: RowJson | undefined;
  /** What a body that is no JSON holds: its text, or its bytes in base64. */
  readonly bodyText?: string | undefined;
  /** An item of a list in the body. */
  readonly item?: RowJson | undefined;
  /** Place of the item in its list, from 0. */
  readonly position?: number | undefined;
  /** Name of the file with the body. */
  readonly bodyFile?: string | undefined;
}

/** A JSON text that is decoded and read at most once, and only if that is needed. */
export class RowJson {
  readonly #source: string | Buffer;
  #text: string | undefined;
  #document: JsonDocument | 'none' | undefined;

  /** @param source stays as it is while the row is in use */
  constructor(source: string | Buffer) {
    this.#source = source;
  }

  get text(): string {
    this.#text ??= this.#source.toString();
    return this.#text;
  }

  /** The text in UTF-8, where it is known. */
  get utf8(): string | Buffer {
    return this.#source;
  }

  /** Undefined if it is nested too deeply. */
  get document(): JsonDocument | undefined {
    this.#document ??= JsonDocument.parse(this.text) ?? 'none';
    return this.#document === 'none' ? undefined : this.#document;
  }
}

/**
 * Takes a line (without its newline) apart.
 *
 * @returns undefined if the line is not JSON, or has no text where its body should be one
 */
export function parseRow(line: Buffer): Row | undefined {
  const { head: headText, body: bytes } = splitBody(line);
  try {
    const head = parseHead(headText);
    // The memory of the line is used again for other lines.
    const body = bytes && new RowJson(Buffer.from(bytes));
    if (bytes === undefined || head.bodyEncoding === undefined) {
      return { head, headText, body };
    }
    const bodyText: unknown = JSON.parse(bytes.toString());
    return typeof bodyText === 'string' ? { head, headText, body, bodyText } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * The body of a row as text: embedded JSON as it is in the line, texts without quotes, anything
 * else as base64.
 */
export function bodyTextOf({ body, bodyText }: Row): string | undefined {
  return bodyText ?? body?.text;
}

/** The same in UTF-8, where a row has it like that. */
export function bodyOf({ body, bodyText }: Row): string | Buffer | undefined {
  return bodyText ?? body?.utf8;
}
