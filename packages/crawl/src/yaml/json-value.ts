import type { Field } from './field.ts';

export interface JsonOptions {
  /** Longer texts are reported, and not read to their end. */
  readonly maxLength: number;
  /** Called for every text that is a value. */
  readonly onText: (field: Field, text: string) => void;
  /** Called for every key of a mapping. */
  readonly onKey: (field: Field, key: string) => void;
}

/** Deeper values are hardly meant, and would not fit into the stack. */
const MAX_DEPTH = 100;

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Reads a YAML value as JSON text: numbers keep their digits, keys their order.
 *
 * @returns undefined for a value that is too large or too deep, which is reported
 */
export function readJson(field: Field, options: JsonOptions): string | undefined {
  return new JsonReader(options).read(field);
}

class JsonReader {
  readonly #options: JsonOptions;
  /** Aliases can make a short file long, so the length is counted while it grows. */
  #length = 0;
  #problem: string | undefined;

  constructor(options: JsonOptions) {
    this.#options = options;
  }

  read(field: Field): string | undefined {
    const json = this.#valueOf(field, 0);
    if (this.#problem === undefined) {
      return json;
    }
    field.report(this.#problem);
    return undefined;
  }

  #valueOf(field: Field, depth: number): string {
    if (depth > MAX_DEPTH) {
      this.#problem = `deeper than ${MAX_DEPTH} levels`;
    }
    if (this.#problem !== undefined) {
      return '';
    }
    if (!field.isList && !field.isMap) {
      return this.#count(this.#scalarOf(field));
    }
    this.#count('[]');
    if (field.isList) {
      return `[${field
        .items()
        .map((item) => this.#valueOf(item, depth + 1))
        .join(',')}]`;
    }
    const entries = field.entries().map(([key, value]) => {
      this.#options.onKey(value, key);
      return `${this.#count(JSON.stringify(key))}:${this.#valueOf(value, depth + 1)}`;
    });
    return `{${entries.join(',')}}`;
  }

  #scalarOf(field: Field): string {
    const { scalar, text = '' } = field;
    if (typeof scalar === 'string') {
      this.#options.onText(field, scalar);
      return JSON.stringify(scalar);
    }
    if (typeof scalar === 'number') {
      if (!NUMBER.test(text)) {
        field.report(
          `${field.shown} is a number of YAML, not of JSON; for a text write it in quotes`,
        );
      }
      return text;
    }
    return typeof scalar === 'boolean' ? String(scalar) : 'null';
  }

  /** One more for what separates the values. */
  #count(json: string): string {
    this.#length += json.length + 1;
    if (this.#length > this.#options.maxLength) {
      this.#problem = `longer than ${this.#options.maxLength} characters`;
    }
    return json;
  }
}
