import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isJson } from '../../src/record/is-json.ts';

function isParsed(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
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
    ['many levels without their ends', '{"a":'.repeat(12_000)],
    ['a text without its end', `"${'a'.repeat(60_000)}`],
    ['nothing but space', ' '.repeat(60_000)],
    ['many texts and then a mistake', `[${'"a\\n",'.repeat(9_000)}x]`],
  ])('agrees with the parser on %s', (_, text) => {
    expect(isJson(text)).toBe(isParsed(text));
  });
});
