import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter } from 'yaml';
import type { Problem } from '../model/input-error.ts';
import { suggestion } from '../model/suggestion.ts';

/** What all fields of one file share. */
export interface YamlFile {
  readonly name: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** Readers add to it and go on, so that everything wrong is told at once. */
  readonly problems: Problem[];
}

interface Place {
  /** Dotted path; empty for the whole document. */
  readonly key: string;
  readonly node: unknown;
  /** Where to point if there is no value. */
  readonly keyNode?: unknown;
}

/** One value of a YAML document that knows its place, so that whatever is wrong with it is told with line and key. */
export class Field {
  readonly key: string;
  /** The text of a scalar as it was written (`1.10` stays `1.10`); undefined for anything else. */
  readonly text: string | undefined;
  readonly #file: YamlFile;
  readonly #node: unknown;
  readonly #keyNode: unknown;

  constructor(file: YamlFile, { key, node, keyNode }: Place) {
    this.key = key;
    this.#file = file;
    this.#node = isAlias(node) ? node.resolve(file.document) : node;
    this.#keyNode = keyNode;
    this.text = textOf(this.#node);
  }

  get isEmpty(): boolean {
    return (
      this.#node === null ||
      this.#node === undefined ||
      (isScalar(this.#node) && this.#node.value === null)
    );
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  /** The value as messages quote it. */
  get shown(): string {
    if (this.isEmpty) {
      return 'nothing';
    }
    if (this.text === undefined) {
      return this.isList ? 'a list' : 'a mapping';
    }
    return JSON.stringify(this.text.length > 80 ? `${this.text.slice(0, 80)}…` : this.text);
  }

  report(message: string): void {
    const place = offsetOf(this.#node) ?? offsetOf(this.#keyNode);
    this.#report(place, this.key, message);
  }

  /** For what is wrong with the key itself. */
  reportKey(message: string): void {
    this.#report(offsetOf(this.#keyNode) ?? offsetOf(this.#node), this.key, message);
  }

  items(): Field[] {
    if (!isSeq(this.#node)) {
      return [];
    }
    return this.#node.items.map(
      (node, at) => new Field(this.#file, { key: `${this.key}[${at}]`, node }),
    );
  }

  /** The entries of a mapping in file order; keys that are no plain text are reported and left out. */
  entries(): [string, Field][] {
    if (!isMap(this.#node)) {
      return [];
    }
    return this.#node.items.flatMap(({ key: keyNode, value: node }) => {
      const name = textOf(keyNode);
      if (name === undefined) {
        this.#report(offsetOf(keyNode) ?? offsetOf(this.#node), this.key, 'a key must be a text');
        return [];
      }
      const key = this.key === '' ? name : `${this.key}.${name}`;
      return [[name, new Field(this.#file, { key, node, keyNode })]];
    });
  }

  /** The entries of a mapping that knows its keys; others are reported. */
  section<Key extends string>(allowed: readonly Key[]): (key: Key) => Field | undefined {
    if (!this.isMap) {
      this.report(`${this.shown} is no mapping; allowed keys: ${allowed.join(', ')}`);
      return () => undefined;
    }
    const found = new Map(this.entries());
    const known: readonly string[] = allowed;
    for (const [name, field] of found) {
      if (known.includes(name)) {
        continue;
      }
      const hint = suggestion(name, allowed) || `; allowed: ${allowed.join(', ')}`;
      field.reportKey(`unknown key${hint}`);
    }
    return (key) => found.get(key);
  }

  #report(offset: number | undefined, key: string, message: string): void {
    const { name, lines, problems } = this.#file;
    const place = offset === undefined ? undefined : lines.linePos(offset);
    problems.push({
      file: name,
      ...(place === undefined ? {} : { line: place.line, column: place.col }),
      ...(key === '' ? {} : { key }),
      message,
    });
  }
}

function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) {
    return undefined;
  }
  return node.source;
}

function offsetOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined;
}
