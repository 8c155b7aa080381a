import { expect, it } from '@jest/globals';
import { pauseAfter } from '../../src/batch/watch-batch.ts';

it('looks again after a twentieth of the time so far, so that the end of a small batch is noticed soon', () => {
  expect([0, 100, 1_000, 3_000, 60_000].map(pauseAfter)).toEqual([20, 20, 50, 150, 200]);
});
