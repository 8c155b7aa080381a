import { describe, expect, it } from '@jest/globals';
import { Replicas } from './replicas.ts';

const TERMS = {
  min: 0,
  max: 8,
  cooldownMs: 300_000,
  stabilizationMs: 120_000,
  down: { share: 0.5, periodMs: 60_000 },
  upPeriodMs: 15_000,
};

/** Decides every 15 s by each backlog, of which a replica takes 50. */
function decide(backlogs: readonly number[], replicas = new Replicas(TERMS)): number[] {
  return backlogs.map((value, at) =>
    replicas.decide([{ value, threshold: 50, activationThreshold: 0 }], at * 15_000),
  );
}

const times = (count: number, value: number): number[] =>
  Array.from({ length: count }, () => value);

describe('the replicas that a scaled object asks for', () => {
  it('are none for nothing, and one for the first fetch', () => {
    expect(decide([0, 0, 1, 1])).toEqual([0, 0, 1, 1]);
  });

  it('are one first, then four more in 15 s, and never more than allowed', () => {
    expect(decide(times(4, 100_000))).toEqual([1, 5, 8, 8]);
  });

  it('stay as they are for a tenth more or less', () => {
    expect(decide([100, 100, 109, 111])).toEqual([1, 2, 2, 3]);
  });

  it('are fewer once fewer have been enough for two minutes, by half in a minute', () => {
    const found = decide([...times(4, 100_000), ...times(20, 10)]);
    expect(found.slice(4)).toEqual([
      ...times(7, 8),
      ...times(4, 4),
      ...times(4, 2),
      ...times(5, 1),
    ]);
  });

  it('are none after five minutes without work', () => {
    const found = decide([10, ...times(21, 0)]);
    expect(found.slice(1)).toEqual([...times(19, 1), 0, 0]);
  });

  it('come back after somebody has set them to none', () => {
    const replicas = new Replicas(TERMS);
    decide([10, 10], replicas);
    replicas.set(0);
    expect(decide([10], replicas)).toEqual([1]);
  });
});
