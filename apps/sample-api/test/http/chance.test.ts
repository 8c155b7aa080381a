import { describe, expect, it } from '@jest/globals';
import { chance, seedOf } from '../../src/http/chance.ts';

describe('chance', () => {
  it('draws the same number for the same arguments, and another one for any that differs', () => {
    const seed = seedOf('kenya');
    const draws = [
      chance(seed, 0, 1),
      chance(seed, 1, 1),
      chance(seed, 0, 2),
      chance(seedOf('norway'), 0, 1),
    ];
    expect(new Set(draws).size).toBe(4);
    expect(chance(seed, 0, 1)).toBe(draws[0]);
  });

  it.each([0.01, 0.1, 0.5])('falls below %p about that often, for every purpose', (share) => {
    for (const purpose of [1, 2, 3]) {
      const draws = Array.from({ length: 20_000 }, (_, count) =>
        chance(seedOf('kenya'), count, purpose),
      );
      const below = draws.filter((draw) => draw < share).length / draws.length;
      expect(Math.abs(below - share)).toBeLessThan(0.015);
      expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
    }
  });
});
