import { describe, expect, it } from '@jest/globals';
import { nearest } from '../../src/batch/find-batch.ts';

const known = [
  'covid-20261123-0017-k3f9',
  'covid-20261123-0018-aaaa',
  'weather-20261123-0018-zzzz',
];

describe('the nearest batch ids', () => {
  it.each([
    ['covid-20261123-0017-k3f8', known[0]],
    ['weather', known[2]],
    ['wether-20261123-0018-zzzz', known[2]],
  ])('for %s start with %s', (id, first) => {
    expect(nearest(id, known)[0]).toBe(first);
  });

  it('are none for a very different id, and at most three', () => {
    expect(nearest('zebra', known)).toEqual([]);
    expect(
      nearest(
        'batch',
        Array.from({ length: 9 }, (_, i) => `batch-${i}`),
      ),
    ).toHaveLength(3);
  });
});
