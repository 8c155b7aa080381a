import { describe, expect, it } from '@jest/globals';
import {
  countOf,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatRatio,
  shorten,
  truncate,
} from '../../src/report/units.ts';

describe('units', () => {
  it('counts one of a thing, and many', () => {
    expect([0, 1, 1_200].map((n) => countOf(n, 'fetch'))).toEqual([
      '0 fetches',
      '1 fetch',
      '1,200 fetches',
    ]);
    expect([1, 2].map((n) => countOf(n, 'record'))).toEqual(['1 record', '2 records']);
  });

  it.each([
    [0, '0 ms'],
    [819.6, '820 ms'],
    [999.6, '1.0 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [59_600, '1 min'],
    [125_000, '2 min 5 s'],
    [3_599_600, '1 h'],
    [3_780_000, '1 h 3 min'],
    [86_399_999, '1 d'],
    [183_600_000, '2 d 3 h'],
  ])('format %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_200, '1.2 kB'],
    [304_400, '304 kB'],
    [999_600, '1 MB'],
    [2_500_000_000, '2.5 GB'],
  ])('format %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('format rates and ratios with two or three digits', () => {
    expect([0.25, 9.54, 178.4, 12_345].map(formatRate)).toEqual([
      '0.25/s',
      '9.5/s',
      '178/s',
      '12,345/s',
    ]);
    expect([1.44, 2, 25.4, 1_234].map(formatRatio)).toEqual(['1.4×', '2×', '25×', '1,234×']);
  });

  it('group digits as Intl does', () => {
    const values = [
      0, 0.004, 0.5, 0.996, 1, 9.96, 99.95, 100, 999.6, 1e3, 12_345.6, 1e6, 9_876_543_210,
    ];
    expect(values.map(formatRate)).toEqual(
      values.map((value) => {
        const maximumFractionDigits = value >= 100 ? 0 : value >= 1 ? 1 : 2;
        return `${value.toLocaleString('en-US', { maximumFractionDigits })}/s`;
      }),
    );
    expect(values.map(formatCount)).toEqual(
      values.map((value) => Math.round(value).toLocaleString('en-US')),
    );
  });

  it('show 100% only for what is complete', () => {
    expect(formatPercent(4_999, 5_000)).toBe('99%');
    expect(formatPercent(5_000, 5_000)).toBe('100%');
    expect(formatPercent(0, 0)).toBe('100%');
  });

  it('cut long text and replace line breaks', () => {
    expect(truncate('a\nb', 10)).toBe('a b');
    expect(truncate('abcdef', 4)).toBe('abc…');
  });

  it.each([
    ['https://a.example/list/of/things?id=7', 20, 'https://a.exa…s?id=7'],
    ['countries-20260714-4f2a', 12, 'countrie…f2a'],
    ['a sentence that goes on', 12, 'a sentence …'],
    ['short', 12, 'short'],
    ['abcdef', 2, 'a…'],
    ['abcdef', Infinity, 'abcdef'],
  ])('shorten %s to %d characters as %s', (text, width, expected) => {
    expect(shorten(text, width)).toBe(expected);
    expect(shorten(text, width).length).toBeLessThanOrEqual(width);
  });
});
