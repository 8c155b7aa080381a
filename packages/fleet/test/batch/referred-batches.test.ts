import { describe, expect, it } from '@jest/globals';
import { keepReferred } from '@fetchfleet/fleet';

const REFERENCES = new Map<string, readonly string[]>([
  ['a', []],
  ['b', ['a']],
  ['c', ['b', 'gone']],
  ['d', []],
]);

describe('what prune keeps', () => {
  it.each([
    ['what a batch that stays refers to', ['a'], [], [['a', 'b']]],
    [
      'what that refers to itself',
      ['a', 'b', 'd'],
      ['d'],
      [
        ['b', 'c'],
        ['a', 'b'],
      ],
    ],
    ['nothing where all of them go', ['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'd'], []],
    ['nothing that only a batch refers to that goes', ['c', 'd'], ['c', 'd'], []],
  ] as const)('is %s', (_, batches, removed, kept) => {
    const candidates = batches.map((batch) => ({ batch }));
    const found = keepReferred(candidates, REFERENCES);
    expect(found.removed.map(({ batch }) => batch)).toEqual(removed);
    expect(found.kept.map(({ batch, referredBy }) => [batch, referredBy])).toEqual(kept);
  });
});
