import { expect, it } from '@jest/globals';
import { DEFAULT_DIALS } from '../../src/http/dials.ts';
import { Faults } from '../../src/http/faults.ts';

it('what was asked for last is counted on, however much else is asked for', () => {
  const faults = new Faults(undefined);
  const countOf = (name: string) => faults.draw({ name, seed: 1 }, DEFAULT_DIALS, 1).count;
  countOf('kenya');
  for (let other = 0; other < 99_999; other += 1) {
    countOf(String(other));
  }
  expect(countOf('kenya')).toBe(1);
  expect(countOf('one more')).toBe(0);
  expect(countOf('kenya')).toBe(2);
  expect(countOf('0')).toBe(0);
});
