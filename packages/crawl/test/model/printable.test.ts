import { anyText } from '@fetchfleet/testing/any-text';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { printable } from '../../src/model/printable.ts';

const HOSTILE: readonly [string, string, string][] = [
  ['escape sequences', '\u001b[2J', String.raw`\u001b[2J`],
  ['ends of lines and tabs', 'a\r\n\tb', String.raw`a\u000d\u000a\u0009b`],
  [
    'the control characters behind ASCII',
    '\u007f\u0090\u009b31m',
    String.raw`\u007f\u0090\u009b31m`,
  ],
  ['direction marks', '\u200e\u200f\u061c', String.raw`\u200e\u200f\u061c`],
  ['overrides and isolates', '\u202aa\u202e\u2066b\u2069', String.raw`\u202aa\u202e\u2066b\u2069`],
  ['separators of lines', '\u2028\u2029\u0085', String.raw`\u2028\u2029\u0085`],
  [
    'what has no width',
    '\u200b\u200d\u2060\ufeff\u00ad',
    String.raw`\u200b\u200d\u2060\ufeff\u00ad`,
  ],
  ['fillers and selectors', '\u3164\u115f\ufe0f\u034f', String.raw`\u3164\u115f\ufe0f\u034f`],
  ['annotations', '\ufff9\ufffb', String.raw`\ufff9\ufffb`],
  ['tags, as two units', '\u{e0041}', String.raw`\udb40\udc41`],
  ['surrogates without a partner', 'a\ud800b\udc00', String.raw`a\ud800b\udc00`],
];

describe('printable', () => {
  it.each(HOSTILE)('shows %s', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('leaves what people read', () => {
    const text = 'Zürich – 東京 · مرحبا · 👍 ✔ ━▁█ “a” C:\\u0041 é e\u0301 \u00a0';
    expect(printable(text)).toBe(text);
  });

  const anything = anyText();
  /** Rich in what must not pass. */
  const hostile = fc
    .array(
      fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0x1b, 0x9b, 0x202e, 0xdc00)),
    )
    .map((units) => String.fromCharCode(...units));

  it('leaves no character that moves, hides or turns anything, and is done after one time', () => {
    fc.assert(
      fc.property(fc.oneof(anything, hostile), (text) => {
        const shown = printable(text);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\ufeff]/u);
        expect(shown.isWellFormed()).toBe(true);
        expect(printable(shown)).toBe(shown);
        expect(shown.length).toBeGreaterThanOrEqual(text.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not change what JSON means', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, fc.oneof(anything, hostile)), (document) => {
        const json = printable(JSON.stringify(document));
        expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify(document));
      }),
    );
  });
});
