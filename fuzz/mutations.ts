import { anyText } from '@fetchfleet/testing/any-text';
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

/** Pieces that readers often get wrong, whatever they read. */
const NASTY = [
  '',
  ' ',
  '\n',
  '\r\n',
  '\t',
  '\0',
  '\u001b[31m',
  '\u001b]0;title\u0007',
  '\u009b2J',
  '\u202e',
  '\u2028',
  '\ufeff',
  '\ud800',
  '\u{1f600}',
  'é',
  '%',
  '%00',
  '%0d%0a',
  '%ff',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '\\',
  '../',
  '//',
  '/',
  '?',
  '#',
  '@',
  ':',
  ',',
  ';',
  '=',
  '*',
  '&a',
  '*a',
  '!!js/function',
  '-',
  '-1',
  '0',
  '00',
  '0x10',
  '1e999',
  '1.5',
  'NaN',
  '9007199254740993',
  '99999999999999999999',
  'null',
  'true',
  '__proto__',
  'constructor',
  '${env:HOME}',
  '127.0.0.1',
  '[::1]',
  '169.254.169.254',
] as const;

/** Characters of one edit: inputs of many megabytes only slow the search down. */
const MAX_INSERTED = 64 * 1_024;

/** How far into a text, from 0 to 1. */
const place = fc.double({ min: 0, max: 1, noNaN: true });

interface Edit {
  readonly at: number;
  readonly length: number;
  readonly text: string;
  readonly times: number;
}

function edit(pieces: readonly string[]): Arbitrary<Edit> {
  return fc.record({
    at: place,
    length: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(200)),
    text: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...pieces) },
      { weight: 3, arbitrary: fc.constantFrom(...NASTY) },
      { weight: 1, arbitrary: anyText({ maxLength: 8 }) },
      { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }) },
    ),
    times: fc.oneof(
      { weight: 8, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.constantFrom(2, 50, 3_000) },
    ),
  });
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let edited = text;
  for (const { at, length, text: inserted, times } of edits) {
    const from = Math.floor(at * edited.length);
    const most = Math.max(1, Math.floor(MAX_INSERTED / Math.max(1, inserted.length)));
    const repeated = inserted.repeat(Math.min(times, most));
    edited = edited.slice(0, from) + repeated + edited.slice(from + length);
  }
  return edited;
}

/**
 * Texts near good examples: some of their characters are replaced by pieces of other examples, by
 * pieces that readers often get wrong, or by anything. They shrink to fewer and shorter edits.
 */
export function textNear(
  examples: readonly string[],
  pieces: readonly string[] = examples,
): Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...examples), fc.array(edit(pieces), { maxLength: 6 }))
    .map(([text, edits]) => applyEdits(text, edits));
}

/**
 * Bytes near good examples, as texts with a character for each byte: they are printed when they
 * fail. Characters from U+0100 on become several bytes.
 */
export function bytesNear(
  examples: readonly Buffer[],
  pieces: readonly string[] = [],
): Arbitrary<string> {
  const texts = examples.map((bytes) => bytes.toString('latin1'));
  return textNear(texts, [...texts, ...pieces]).map((text) =>
    // oxlint-disable-next-line no-control-regex -- these are one byte each
    /^[\0-\xff]*$/.test(text) ? text : Buffer.from(text).toString('latin1'),
  );
}

/** The bytes of a text of `bytesNear`. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A JSON value as far as parsers of JSON see it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

type Change =
  | { readonly do: 'replace'; readonly at: number; readonly value: Json }
  | { readonly do: 'remove'; readonly at: number }
  | { readonly do: 'repeat'; readonly at: number; readonly times: number }
  | { readonly do: 'rename'; readonly at: number; readonly key: string };

/**
 * JSON values near good examples: parts of them are replaced, removed, repeated or renamed.
 *
 * @param values what may stand in place of a part, besides values that readers often get wrong
 */
export function jsonNear(examples: readonly Json[], values: readonly Json[] = []): Arbitrary<Json> {
  const value: Arbitrary<Json> = fc.oneof(
    fc.constantFrom<Json>(...values, ...NASTY, null, true, [], {}, -1, 0, 0.5, 1e21, 2 ** 53, -0),
    fc.integer().map((number): Json => number),
    fc.jsonValue({ maxDepth: 2 }).map(toJson),
  );
  const change: Arbitrary<Change> = fc.oneof(
    fc.record({ do: fc.constant('replace' as const), at: place, value }),
    fc.record({ do: fc.constant('remove' as const), at: place }),
    fc.record({
      do: fc.constant('repeat' as const),
      at: place,
      times: fc.constantFrom(2, 3, 200),
    }),
    fc.record({
      do: fc.constant('rename' as const),
      at: place,
      key: fc.constantFrom(...NASTY, 'length', 'toString'),
    }),
  );
  return fc
    .tuple(fc.constantFrom(...examples), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([example, changes]) => changes.reduce(applyChange, structuredClone(example)));
}

function toJson(value: unknown): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON can say
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** Repeated again and again, a value would fill the memory. */
const MANY_PARTS = 500;

/** Containers of a value with their keys, in the order of the text. */
function slotsOf(
  value: Json,
): { readonly holder: Json[] | { [key: string]: Json }; key: string }[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, inner]) => [
    { holder: value, key },
    ...slotsOf(inner),
  ]);
}

function applyChange(root: Json, change: Change): Json {
  const slots = slotsOf(root);
  const slot = slots[Math.min(slots.length - 1, Math.floor(change.at * slots.length))];
  if (slot === undefined) {
    return change.do === 'replace' ? structuredClone(change.value) : root;
  }
  const { holder, key } = slot;
  const held = Array.isArray(holder) ? (holder[Number(key)] ?? null) : (holder[key] ?? null);
  if (change.do === 'replace') {
    put(holder, key, structuredClone(change.value));
  } else if (change.do === 'repeat') {
    repeat(holder, key, { held, times: slots.length > MANY_PARTS ? 2 : change.times });
  } else {
    remove(holder, key);
    if (change.do === 'rename') {
      put(holder, Array.isArray(holder) ? key : change.key, held);
    }
  }
  return root;
}

/** Like `JSON.parse`: a key `__proto__` is a key. */
function put(holder: Json[] | { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(holder, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

function remove(holder: Json[] | { [key: string]: Json }, key: string): void {
  if (Array.isArray(holder)) {
    holder.splice(Number(key), 1);
  } else {
    delete holder[key];
  }
}

function repeat(
  holder: Json[] | { [key: string]: Json },
  key: string,
  { held, times }: { readonly held: Json; readonly times: number },
): void {
  if (Array.isArray(holder)) {
    holder.splice(Number(key), 0, ...Array.from({ length: times }, () => structuredClone(held)));
  } else {
    put(
      holder,
      key,
      Array.from({ length: times }, () => structuredClone(held)),
    );
  }
}
