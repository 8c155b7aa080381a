import type { RequestBody } from '../model/plan.ts';
import {
  compilePieces,
  joinParts,
  parsePieces,
  type Piece,
  type PieceEncoding,
  type TextTemplate,
} from './placeholders.ts';

type Order = ReadonlyMap<string, number>;

/** A string of JSON, and whether a colon follows: it is a key then. */
const JSON_STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(?=(\s*:)?)/gs;

const AS_IT_IS: PieceEncoding = {
  literal: (text) => text,
  value: (value, isJson) => (isJson ? jsonOf(value) : value),
};
const IN_JSON_STRING: PieceEncoding = { literal: withinQuotes, value: withinQuotes };
const IN_FORM: PieceEncoding = { literal: formEncoded, value: formEncoded };

/** The body of a fetch as a function of its values. */
export function compileBody(body: RequestBody, order: Order): TextTemplate {
  if ('text' in body) {
    return compilePieces(parsePieces(body.text), order, AS_IT_IS);
  }
  return 'json' in body ? compileJson(body.json, order) : compileForm(body.form, order);
}

/** The media type of a body whose crawl file names none. */
export function contentTypeOf(body: RequestBody): string {
  if ('json' in body) {
    return 'application/json';
  }
  return 'form' in body ? 'application/x-www-form-urlencoded' : 'text/plain;charset=UTF-8';
}

/** The parts of all texts of a body. */
export function piecesOfBody(body: RequestBody): readonly Piece[] {
  if ('text' in body) {
    return parsePieces(body.text);
  }
  return 'json' in body
    ? templatesIn(body.json).flatMap(({ pieces }) => pieces)
    : body.form.flatMap(([, text]) => parsePieces(text));
}

/** Whether a string of a JSON body is nothing but `{{name|json}}`: the quotes go as well then. */
export function isJsonPlace(pieces: readonly Piece[]): boolean {
  const [only] = pieces;
  return pieces.length === 1 && typeof only === 'object' && only.isJson;
}

/** A value as JSON: what it says, with its digits. An empty one is null, as in NDJSON. */
export function jsonOf(value: string): string {
  return value === '' ? 'null' : value;
}

function compileJson(json: string, order: Order): TextTemplate {
  const parts: TextTemplate[] = [];
  let at = 0;
  for (const { start, end, pieces } of templatesIn(json)) {
    parts.push(json.slice(at, start), compileJsonString(pieces, order));
    at = end;
  }
  return joinParts([...parts, json.slice(at)]);
}

interface JsonTemplate {
  readonly start: number;
  readonly end: number;
  readonly pieces: readonly Piece[];
}

/** The strings of a JSON text that may have placeholders: values, not keys. */
function templatesIn(json: string): readonly JsonTemplate[] {
  return [...json.matchAll(JSON_STRING)].flatMap(({ 0: found, 1: colon, index }) =>
    colon === undefined && found.includes('{{')
      ? [
          {
            start: index,
            end: index + found.length,
            pieces: parsePieces(String(JSON.parse(found))),
          },
        ]
      : [],
  );
}

function compileJsonString(pieces: readonly Piece[], order: Order): TextTemplate {
  return isJsonPlace(pieces)
    ? compilePieces(pieces, order, AS_IT_IS)
    : joinParts(['"', compilePieces(pieces, order, IN_JSON_STRING), '"']);
}

function compileForm(form: readonly (readonly [string, string])[], order: Order): TextTemplate {
  return joinParts(
    form.flatMap(([name, text], at) => [
      `${at === 0 ? '' : '&'}${formEncoded(name)}=`,
      compilePieces(parsePieces(text), order, IN_FORM),
    ]),
  );
}

function withinQuotes(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As `application/x-www-form-urlencoded` by the URL Standard. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
