import { describe, expect, it } from '@jest/globals';
import { rateText } from '../../src/origins/origin-status.ts';

describe('the text of a rate', () => {
  it.each([
    [0, 'unlimited'],
    [1, '1000000/s'],
    [200_000 / 3, '15/s'],
    [1e6 / 47.32, '47.3/s'],
    [1e6, '1/s'],
    [1e6 / 0.9, '54/m'],
    [60e6, '1/m'],
    [61e6, '59/h'],
    [3_600e6, '1/h'],
    [2 * 3_600e6, '0.5/h'],
  ])('for one start every %d µs is %s', (intervalUs, text) => {
    expect(rateText(intervalUs)).toBe(text);
  });
});
