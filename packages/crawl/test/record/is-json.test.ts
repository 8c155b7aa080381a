import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { JSON_SCANNER_WASM, SOURCE_SHA256 } from '../../src/record/json-scanner-wasm.ts';
import { isJson as isJsonBytes, jsonOnOneLine, MAX_JSON_DEPTH } from '../../src/record/is-json.ts';
import { atOnce } from '../../src/record/steps.ts';

function isJson(text: string): boolean {
  // Lone surrogates become U+FFFD: the scanner only ever sees valid UTF-8.
  return isJsonBytes(Buffer.from(text));
}

function isParsed(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

/** Tokens of JSON and similar text. */
const PIECES = [
  '{ } [ ] , : " "a" "a": {} [] [1,2] {"a":[]} true false null nul NaN'.split(' '),
  '1 - 0 01 1.5 1. .5 1e9 1e +1 "\\u00e9" "\\u00e" "\\x" "\\\\" "\\" "\t" "\ud800"'.split(' '),
  [' ', '\n', '\t', '\u00a0', '\u2028', '\ufeff', '\u0000', '\u007f'],
].flat();

/** Tokens in any order. */
const NEARLY = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 12 })
  .map((pieces) => pieces.join(''));

describe('isJson', () => {
  it('agrees with the parser on text that resembles JSON', () => {
    fc.assert(
      fc.property(NEARLY, (text) => {
        expect(isJson(text)).toBe(isParsed(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it('agrees with the parser on JSON of any depth, whole and with one character changed', () => {
    const spaces = fc.constantFrom(0, 1, 2, '\t');
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom('', ',', '"', '}', ']', ':', '0', '\\', ' ', 'e'),
    );
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), spaces, change, (value, space, [at, with_]) => {
        const text = JSON.stringify(value, undefined, space);
        const place = at % (text.length + 1);
        const changed = text.slice(0, place) + with_ + text.slice(place + 1);
        expect([isJson(text), isJson(changed)]).toEqual([true, isParsed(changed)]);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['a long list', `[${'1,'.repeat(30_000)}1]`],
    ['a longer one', `[${'1,'.repeat(500_000)}1]`],
    ['a list without its end', `[${'1,'.repeat(30_000)}1`],
    ['many levels', `${'{"a":['.repeat(5_000)}${']}'.repeat(5_000)}`],
    ['many levels without their ends', '{"a":'.repeat(12_000)],
    ['a text without its end', `"${'a'.repeat(60_000)}`],
    ['nothing but space', ' '.repeat(60_000)],
    ['many texts and then a mistake', `[${'"a\\n",'.repeat(9_000)}x]`],
  ])('agrees with the parser on %s', (_, text) => {
    expect(isJson(text)).toBe(isParsed(text));
  });

  it('does not take deeper texts for JSON than programs read', () => {
    expect(isJson(nested(MAX_JSON_DEPTH))).toBe(true);
    expect(isJson(nested(MAX_JSON_DEPTH + 1))).toBe(false);
  });

  it('says the same in steps, however short they are', () => {
    fc.assert(
      fc.property(NEARLY, fc.integer({ min: 1, max: 5 }), (text, step) => {
        const found = atOnce(jsonOnOneLine(Buffer.from(text), step));
        expect(found !== undefined).toBe(isJson(text));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('jsonOnOneLine', () => {
  it('makes spaces of line breaks and changes nothing else, in steps of any length', () => {
    const spaces = fc.constantFrom(0, 1, '\n', '\r\n \t');
    fc.assert(
      fc.property(fc.jsonValue(), spaces, fc.integer({ min: 1, max: 40 }), (value, space, step) => {
        const text = JSON.stringify(value, undefined, space);
        const bytes = Buffer.from(text);
        const pieces = atOnce(jsonOnOneLine(bytes, step)) ?? [];
        expect(Buffer.concat(pieces).toString()).toBe(text.replaceAll(/[\r\n]/g, ' '));
        expect(bytes.toString()).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('copies nothing that has no line break', () => {
    const bytes = Buffer.from(`[${'"a b",'.repeat(100_000)}\t1]`);
    const [only, ...others] = atOnce(jsonOnOneLine(bytes)) ?? [];
    expect(only).toBe(bytes);
    expect(others).toEqual([]);
  });

  it('reads several bodies in turns', () => {
    const texts = ['[[[1,"a', '[[[1,"a"]]]', '{"a":{"b":[tru', '{"a":{"b":[true]}}', '-1.5e+7'];
    const all = texts.map((text) => ({ text, steps: jsonOnOneLine(Buffer.from(text), 1) }));
    const found = new Map<string, boolean>();
    while (found.size < texts.length) {
      for (const { text, steps } of all) {
        const { done, value } = steps.next();
        if (done === true && !found.has(text)) {
          found.set(text, value !== undefined);
        }
      }
    }
    expect(texts.map((text) => found.get(text))).toEqual(texts.map(isParsed));
  });

  it('is what the source in assembly/ says: `npm run assembly` after a change', () => {
    const source = readFileSync(new URL('../../assembly/json-scanner.ts', import.meta.url));
    expect(createHash('sha256').update(source).digest('hex')).toBe(SOURCE_SHA256);
    expect(Buffer.from(JSON_SCANNER_WASM, 'base64').toString('latin1', 0, 4)).toBe('\0asm');
  });
});
