import { Beat } from '@fetchfleet/service';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Watchdog } from '../../src/health/watchdog.ts';

const STALL_MS = 10_000;

/** A watchdog with a fake clock, over a worker that the test controls. */
function watched() {
  const events: string[] = [];
  let progressAt = performance.now();
  const worker = { isExcused: false, isRedisThere: true, probes: 0, refusal: '' };
  const watchdog = new Watchdog({
    every: new Beat().every,
    stallTimeoutMs: STALL_MS,
    silenceMs: () => performance.now() - progressAt,
    isExcused: () => worker.isExcused,
    waitsFor: () => 'an answer',
    refusal: () => (worker.refusal === '' ? undefined : worker.refusal),
    probe: async () => {
      worker.probes += 1;
      return worker.isRedisThere;
    },
    rebuild: async () => {
      events.push('rebuild');
    },
    onStuck: () => events.push('stuck'),
    onRebuilt: () => events.push('rebuilt'),
    onRecovered: () => events.push('recovered'),
    onHopeless: () => events.push('hopeless'),
    onError: (error) => events.push(String(error)),
  });
  watchdog.start();
  return {
    events,
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

  it('reports nothing and probes nothing while there is progress', async () => {
    const { events, worker, watchdog, progress, pass } = watched();
    for (let round = 0; round < 20; round++) {
      await pass(5_000);
      progress();
    }
    expect({ events, probes: worker.probes, reason: watchdog.reason }).toEqual({
      events: [],
      probes: 0,
      reason: undefined,
    });
    await watchdog.stop();
  });

  it('replaces connections once, and is healthy again with the next progress', async () => {
    const { events, watchdog, progress, pass } = watched();
    await pass(STALL_MS + 3_000);
    expect(events).toEqual(['stuck', 'rebuild', 'rebuilt']);
    expect(watchdog.reason).toMatch(
      /no progress for 1\d s, though Redis works: it waits for an answer/,
    );
    progress();
    await pass(1_000);
    expect(events.at(-1)).toBe('recovered');
    expect(watchdog.reason).toBeUndefined();
    await watchdog.stop();
  });

  it('gives up, once, when new connections do not help', async () => {
    const { events, watchdog, pass } = watched();
    await pass(10 * STALL_MS);
    expect(events).toEqual(['stuck', 'rebuild', 'rebuilt', 'hopeless']);
    await watchdog.stop();
  });

  it('gives up when new connections help only for a moment', async () => {
    const { events, watchdog, progress, pass } = watched();
    await pass(STALL_MS + 3_000);
    progress();
    await pass(STALL_MS + 5_000);
    expect(events).toEqual(['stuck', 'rebuild', 'rebuilt', 'recovered', 'hopeless']);
    await watchdog.stop();
  });

  it('replaces connections again when the last time is long ago', async () => {
    const { events, watchdog, progress, pass } = watched();
    await pass(STALL_MS + 3_000);
    for (let round = 0; round < 10; round++) {
      progress();
      await pass(5_000);
    }
    await pass(STALL_MS);
    expect(events.filter((what) => what === 'rebuild')).toHaveLength(2);
    expect(events).not.toContain('hopeless');
    await watchdog.stop();
  });

  it.each(['isExcused', 'isRedisThere'] as const)(
    'counts only from the end of an excuse (%s)',
    async (what) => {
      const { events, worker, watchdog, pass } = watched();
      worker[what] = what === 'isExcused';
      await pass(60_000);
      expect(events).toEqual([]);
      worker[what] = what !== 'isExcused';
      await pass(STALL_MS - 1_000);
      expect(events).toEqual([]);
      await pass(4_000);
      expect(events).toEqual(['stuck', 'rebuild', 'rebuilt']);
      await watchdog.stop();
    },
  );

  it('takes a Redis that refuses claims for no progress, and says what it answers', async () => {
    const { events, worker, watchdog, pass } = watched();
    worker.isRedisThere = false; // a probe is refused as well
    worker.refusal = 'MOVED 8123 127.0.0.1:7001';
    await pass(STALL_MS + 3_000);
    expect(events).toEqual(['stuck', 'rebuild', 'rebuilt']);
    expect(watchdog.reason).toMatch(/Redis refuses claims \(MOVED 8123 127\.0\.0\.1:7001\)$/);
    await pass(STALL_MS + 3_000);
    expect(events.at(-1)).toBe('hopeless');
    await watchdog.stop();
  });

  it.each([
    'OOM command not allowed',
    'MISCONF Redis is configured to save RDB snapshots',
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script',
    'NOREPLICAS Not enough good replicas to write.',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'CLUSTERDOWN The cluster is down',
    'ERR Error running script: @user_script:1: -MISCONF Redis cannot save',
  ])('is stuck, but does not give up, while Redis answers %s', async (refusal) => {
    const { events, worker, watchdog, progress, pass } = watched();
    worker.refusal = refusal;
    await pass(10 * STALL_MS);
    expect(events.filter((what) => what === 'stuck')).toHaveLength(1);
    expect(events).not.toContain('hopeless');
    expect(watchdog.reason).toContain(refusal);
    worker.refusal = '';
    progress();
    await pass(1_000);
    expect(events.at(-1)).toBe('recovered');
    expect(watchdog.reason).toBeUndefined();
    await watchdog.stop();
  });
});
