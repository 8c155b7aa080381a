import { jsonShapeOf } from './json-shape.ts';

/**
 * Deeper texts count as not JSON: `JSON.stringify` and the reviver of `JSON.parse` call themselves
 * for every level.
 */
export const MAX_DEPTH = 1_000;

/** Where a value stands in a document. */
export type Place = readonly (string | number)[];

/**
 * A JSON text that was read. It is read a second time only where values are taken out of a text
 * with numbers that JavaScript would write otherwise: `9007199254740993`, `1.10`, `1e5`.
 */
export class JsonDocument {
  /** What `JSON.parse` makes of the text. */
  readonly value: unknown;
  readonly #text: string;
  readonly #isExact: boolean;
  /** The same with each number as it was written. */
  #written: { readonly value: unknown } | undefined;

  private constructor(text: string, value: unknown, isExact: boolean) {
    this.#text = text;
    this.value = value;
    this.#isExact = isExact;
  }

  /** Undefined for a text that is not JSON, or nested deeper than a thousand levels. */
  static parse(text: string): JsonDocument | undefined {
    // A byte order mark belongs to no JSON text, but some servers send one.
    const unmarked = text.startsWith('\ufeff') ? text.slice(1) : text;
    const { depth, isExact } = jsonShapeOf(unmarked);
    if (depth > MAX_DEPTH) {
      return undefined;
    }
    try {
      return new JsonDocument(unmarked, JSON.parse(unmarked), isExact);
    } catch {
      return undefined;
    }
  }

  /**
   * A value of the document as JSON: its numbers have the digits that the text has.
   *
   * @param place leads to `value`. Called only if digits may be lost
   */
  textOf(value: unknown, place: () => Place): string {
    const mayLoseDigits = typeof value === 'number' || typeof value === 'object';
    return JSON.stringify(this.#isExact || !mayLoseDigits ? value : this.#writtenAt(place()));
  }

  #writtenAt(place: Place): unknown {
    this.#written ??= { value: readAsWritten(this.#text) };
    let found = this.#written.value;
    for (const key of place) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the place was found in it
      found = (found as Record<string | number, unknown>)[key];
    }
    return found;
  }
}

/** ECMAScript's "JSON.parse source text access", which TypeScript does not know yet. */
interface SourceAccess {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every Node from 22 on has it
const json = JSON as unknown as SourceAccess;

/** Numbers that JavaScript would write otherwise keep their digits. */
export function readAsWritten(text: string): unknown {
  return json.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? json.rawJSON(source)
      : value,
  );
}
