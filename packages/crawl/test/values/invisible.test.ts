import { anyText } from '@fetchfleet/testing/any-text';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { trimInvisible } from '../../src/values/invisible.ts';

describe('trimInvisible', () => {
  it.each([
    ['a blank and a tab', ' \ta\t ', 'a'],
    ['no-break spaces', '\u00a0\u202f\u2007a\u00a0', 'a'],
    ['zero-width characters', '\u200b\u200ca\u200d\u2060', 'a'],
    ['a byte order mark', '\ufeffa\ufeff', 'a'],
    ['direction marks', '\u202ahttp://a.example\u202c\u200e', 'http://a.example'],
    ['line separators', '\u2028a\u2029\u0085', 'a'],
    ['controls, such as the end-of-file mark of DOS', 'a\u001a\0', 'a'],
    ['a soft hyphen', '\u00ada', 'a'],
    ['an ideographic space', '\u3000a', 'a'],
    ['nothing else', '\u200b \u00a0', ''],
  ])('removes %s', (_, text, trimmed) => {
    expect(trimInvisible(text)).toBe(trimmed);
  });

  it.each([
    'a\u200bb',
    'نمی\u200cخواهم',
    '❤\ufe0f',
    '👩\u200d👧',
    '🏴\u{e0067}\u{e007f}',
    '\u0301',
  ])('keeps %j, where the character changes what one sees', (text) => {
    expect(trimInvisible(text)).toBe(text);
  });

  it('keeps any text that begins and ends with something visible', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(trimInvisible(` x${text}x\u200b`)).toBe(`x${text}x`);
      }),
    );
  });
});
