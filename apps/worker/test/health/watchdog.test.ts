import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Watchdog } from '../../src/health/watchdog.ts';

const STALL_MS = 10_000;

/** A worker that is told what to do, under a fake clock. */
function watched() {
  const told: string[] = [];
  let progressAt = performance.now();
  const worker = { isExcused: false, isRedisThere: true, probes: 0 };
  const watchdog = new Watchdog({
    stallTimeoutMs: STALL_MS,
    silenceMs: () => performance.now() - progressAt,
    isExcused: () => worker.isExcused,
    waitsFor: () => 'an answer',
    probe: async () => {
      worker.probes += 1;
      return worker.isRedisThere;
    },
    rebuild: async () => {
      told.push('rebuild');
    },
    onStuck: () => told.push('stuck'),
    onRebuilt: () => told.push('rebuilt'),
    onRecovered: () => told.push('recovered'),
    onHopeless: () => told.push('hopeless'),
    onError: (error) => told.push(String(error)),
  });
  watchdog.start();
  return {
    told,
    worker,
    watchdog,
    progress: () => {
      progressAt = performance.now();
    },
    pass: async (ms: number) => jest.advanceTimersByTimeAsync(ms),
  };
}

describe('the watchdog', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('says nothing, and asks nothing, while there is progress', async () => {
    const { told, worker, watchdog, progress, pass } = watched();
    for (let round = 0; round < 20; round++) {
      await pass(5_000);
      progress();
    }
    expect({ told, probes: worker.probes, reason: watchdog.reason }).toEqual({
      told: [],
      probes: 0,
      reason: undefined,
    });
    await watchdog.stop();
  });

  it('replaces connections once, and is content with the next progress', async () => {
    const { told, watchdog, progress, pass } = watched();
    await pass(STALL_MS + 3_000);
    expect(told).toEqual(['stuck', 'rebuild', 'rebuilt']);
    expect(watchdog.reason).toMatch(
      /no progress for 1\d s, though Redis works: it waits for an answer/,
    );
    progress();
    await pass(1_000);
    expect(told.at(-1)).toBe('recovered');
    expect(watchdog.reason).toBeUndefined();
    await watchdog.stop();
  });

  it('gives up when that does not help, once', async () => {
    const { told, watchdog, pass } = watched();
    await pass(10 * STALL_MS);
    expect(told).toEqual(['stuck', 'rebuild', 'rebuilt', 'hopeless']);
    await watchdog.stop();
  });

  it('gives up when it helps for a moment only', async () => {
    const { told, watchdog, progress, pass } = watched();
    await pass(STALL_MS + 3_000);
    progress();
    await pass(STALL_MS + 5_000);
    expect(told).toEqual(['stuck', 'rebuild', 'rebuilt', 'recovered', 'hopeless']);
    await watchdog.stop();
  });

  it('tries new connections again when the last time is long ago', async () => {
    const { told, watchdog, progress, pass } = watched();
    await pass(STALL_MS + 3_000);
    for (let round = 0; round < 10; round++) {
      progress();
      await pass(5_000);
    }
    await pass(STALL_MS);
    expect(told.filter((what) => what === 'rebuild')).toHaveLength(2);
    expect(told).not.toContain('hopeless');
    await watchdog.stop();
  });

  it.each(['isExcused', 'isRedisThere'] as const)(
    'begins to count when there is no excuse any more (%s)',
    async (what) => {
      const { told, worker, watchdog, pass } = watched();
      worker[what] = what === 'isExcused';
      await pass(60_000);
      expect(told).toEqual([]);
      worker[what] = what !== 'isExcused';
      await pass(STALL_MS - 1_000);
      expect(told).toEqual([]);
      await pass(4_000);
      expect(told).toEqual(['stuck', 'rebuild', 'rebuilt']);
      await watchdog.stop();
    },
  );
});
