import { expect, it } from '@jest/globals';
import { chooseShard } from '../../src/ledger/least-loaded.ts';

const load = (index: number, batches: number, slices: number) => ({ index, batches, slices });

it.each([
  ['the fewest unfinished batches', [load(0, 2, 0), load(1, 1, 900), load(2, 3, 0)], 1],
  ['of equally many, the shortest queue', [load(0, 1, 9), load(1, 1, 8), load(2, 2, 0)], 1],
])('a batch goes to the shard with %s', (_, loads, chosen) => {
  expect(chooseShard(loads, Math.random)).toBe(chosen);
});

it('a batch goes to any of equal shards', () => {
  const loads = [load(0, 1, 5), load(1, 1, 5), load(2, 1, 5)];
  const chances = [0.5, 0.1, 0.9, 0.5, 0.9, 0.1];
  const random = (): number => chances.shift() ?? 0;
  expect([chooseShard(loads, random), chooseShard(loads, random)]).toEqual([1, 2]);
});
