import { expect, it } from '@jest/globals';
import { pollIntervalMs } from '../../src/batch/wait-for-batch.ts';

it('polls after a fiftieth of the time so far, between 20 and 200 ms', () => {
  expect([0, 100, 1_000, 3_000, 60_000].map(pollIntervalMs)).toEqual([20, 20, 20, 60, 200]);
});
