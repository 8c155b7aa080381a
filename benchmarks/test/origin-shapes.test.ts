import { describe, expect, it } from '@jest/globals';
import { BODY_BYTES, bodyOf, HUNG, HUNG_NUMBERS, HUNG_TOTAL } from '../origin-shapes.ts';

describe('the origin', () => {
  it('has JSON bodies of exactly the requested sizes', () => {
    for (const bytes of BODY_BYTES) {
      expect(Buffer.byteLength(bodyOf(bytes))).toBe(bytes);
      expect(JSON.parse(bodyOf(bytes))).toBeInstanceOf(Array);
    }
  });

  it('has as many hung fetches as the ideal assumes', () => {
    const numbers = Array.from({ length: HUNG_NUMBERS.total }, (_, at) => HUNG_NUMBERS.from + at);
    const hung = numbers.filter((n) => new RegExp(`^${HUNG}$`).test(String(n)));
    expect(hung).toHaveLength(HUNG_TOTAL);
  });
});
