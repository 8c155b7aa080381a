import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type LineCounter,
  visit,
} from 'yaml';
import type { Problem } from '../model/input-error.ts';
import { suggestion } from '../model/suggestion.ts';
import { hintFor } from './hints.ts';

/** The file of a field, shared by all its fields. */
export interface YamlFile {
  readonly name: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<unknown, unknown>;
  /** Readers add to it and continue, so all problems are reported together. */
  readonly problems: Problem[];
}

interface Place {
  /** Dotted path; empty for the whole document. */
  readonly key: string;
  readonly node: unknown;
  /** Position for messages if there is no value. */
  readonly keyNode?: unknown;
}

/** One value of the YAML document with its position, so that problems name line and key. */
export class Field {
  readonly key: string;
  /** The text of a scalar as it is written (`1.10` stays `1.10`); undefined for anything else. */
  readonly text: string | undefined;
  readonly #file: YamlFile;
  readonly #node: unknown;
  readonly #keyNode: unknown;

  constructor(file: YamlFile, { key, node, keyNode }: Place) {
    this.key = key;
    this.#file = file;
    this.#node = isAlias(node) ? file.targets.get(node) : node;
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

  /** A scalar as YAML understands it: null, true, a number or a text. */
  get scalar(): unknown {
    return isScalar(this.#node) ? this.#node.value : undefined;
  }

  /** Whether a text is written without quotes, so that blanks at its ends mean nothing. */
  get isPlain(): boolean {
    return isScalar(this.#node) && this.#node.type === 'PLAIN';
  }

  /** The value as messages show it. */
  get shown(): string {
    if (this.isEmpty) {
      return 'an empty value';
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

  /** Reports a problem of the key itself. */
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

  /**
   * The entries of a mapping in file order. Keys that are not plain text are reported and omitted,
   * and so are those that come again.
   */
  entries(): [string, Field][] {
    if (!isMap(this.#node)) {
      return [];
    }
    const names = new Set<string>();
    return this.#node.items.flatMap(({ key: keyNode, value: node }) => {
      const name = textOf(keyNode);
      if (name === undefined) {
        this.#report(
          offsetOf(keyNode) ?? offsetOf(this.#node),
          this.key,
          'a key must be plain text',
        );
        return [];
      }
      const key = this.key === '' ? name : `${this.key}.${name}`;
      if (names.has(name)) {
        this.#report(offsetOf(keyNode), key, 'duplicate key');
        return [];
      }
      names.add(name);
      return [[name, new Field(this.#file, { key, node, keyNode })]];
    });
  }

  /** Looks up entries of a mapping by key. Keys that are not allowed are reported. */
  section<Key extends string>(allowed: readonly Key[]): (key: Key) => Field | undefined {
    if (!this.isMap) {
      this.report(`${this.shown} is not a mapping; allowed keys: ${allowed.join(', ')}`);
      return () => undefined;
    }
    const found = new Map(this.entries());
    const known: readonly string[] = allowed;
    for (const [name, field] of found) {
      if (known.includes(name)) {
        continue;
      }
      const all = `; allowed: ${allowed.join(', ')}`;
      field.reportKey(`unknown key${hintFor(name) || suggestion(name, allowed) || all}`);
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

/**
 * Finds what each alias of a document stands for, in one pass. `Alias.resolve` takes a pass for
 * every alias.
 */
export function aliasTargets(document: Document.Parsed): ReadonlyMap<unknown, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<unknown, unknown>();
  visit(document, {
    Alias(_, alias) {
      targets.set(alias, anchors.get(alias.source));
    },
    Value(_, node) {
      if (node.anchor !== undefined) {
        anchors.set(node.anchor, node);
      }
    },
  });
  return targets;
}

function textOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) {
    return undefined;
  }
  return node.source;
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
