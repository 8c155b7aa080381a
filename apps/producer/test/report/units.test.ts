import { describe, expect, it } from '@jest/globals';
import { RateMeter } from '../../src/report/rate-meter.ts';
import {
  formatBytes,
  formatDuration,
  formatRate,
  formatRatio,
  truncate,
} from '../../src/report/units.ts';

describe('numbers for people', () => {
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
  ])('say %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_200, '1.2 kB'],
    [304_400, '304 kB'],
    [999_600, '1 MB'],
    [2_500_000_000, '2.5 GB'],
  ])('say %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('keep as many digits of a rate or ratio as matter', () => {
    expect([0.25, 9.54, 178.4, 12_345].map(formatRate)).toEqual([
      '0.25/s',
      '9.5/s',
      '178/s',
      '12,345/s',
    ]);
    expect([1.44, 2, 25.4, 1_234].map(formatRatio)).toEqual(['1.4×', '2×', '25×', '1,234×']);
  });

  it('cut what is too long, and never break the line', () => {
    expect(truncate('a\nb', 10)).toBe('a b');
    expect(truncate('abcdef', 4)).toBe('abc…');
  });
});

describe('the rate meter', () => {
  it('looks at the last seconds only', () => {
    const meter = new RateMeter(5_000);
    for (let second = 0; second <= 10; second++) meter.add(second * 1_000, second * 100);
    expect(meter.perSecond).toBeCloseTo(100);
    for (let second = 11; second <= 20; second++) meter.add(second * 1_000, 1_000);
    expect(meter.perSecond).toBe(0);
  });

  it('knows nothing from one sample', () => {
    const meter = new RateMeter();
    meter.add(0, 5);
    expect(meter.perSecond).toBe(0);
  });
});
