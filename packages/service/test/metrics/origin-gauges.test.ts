import { afterEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';
import type { FleetState } from '../../src/metrics/fleet-gauges.ts';
import type { GatedOrigin } from '../../src/metrics/origin-gauges.ts';

let metrics: Metrics | undefined;

afterEach(() => metrics?.stop());

installLeakGuard();

const calm: Omit<GatedOrigin, 'origin'> = {
  rate: {},
  concurrency: { limit: 'unlimited' },
  inUse: 0,
  waiting: 0,
  breaker: 'closed',
};

const fleet: Omit<FleetState, 'origins'> = {
  backlog: { runnable: 0, throttled: 0, delayed: 0, active: 0 },
  slices: {},
  oldestPendingSeconds: 0,
  batches: {},
  unfinished: [],
  schedules: [],
  notifications: { waiting: 0, lost: 0 },
  removalsWaiting: 0,
  workers: 1,
  redisMemoryBytes: 0,
  redisMemoryLimitBytes: 0,
};

/** The lines about origins in a scrape with these origins. */
function scrape(
  seen: () => readonly (Partial<GatedOrigin> & { origin: string })[],
): () => Promise<string[]> {
  const made = createMetrics({ worker: 'w-1' });
  metrics = made;
  made.onCollect(() => {
    made.setFleet({ ...fleet, origins: seen().map((one) => ({ ...calm, ...one })) });
  });
  return async () => {
    const { body } = await made.page();
    return body.split('\n').filter((line) => line.startsWith('fetchfleet_origin_'));
  };
}

describe('the gauges of origins', () => {
  it('show limits, permits, waiting fetches, blocks and the breaker', async () => {
    const lines = scrape(() => [
      {
        origin: 'http://a',
        rate: { perSecond: 2.5 },
        concurrency: { limit: 8 },
        inUse: 3,
        waiting: 40,
        blockedMs: 1_500,
        breaker: 'half-open',
      },
    ]);
    expect((await lines()).toSorted()).toEqual([
      'fetchfleet_origin_blocked_seconds{origin="http://a"} 1.5',
      'fetchfleet_origin_breaker_open{origin="http://a"} 1',
      'fetchfleet_origin_in_use{origin="http://a"} 3',
      'fetchfleet_origin_limit{origin="http://a",kind="concurrency"} 8',
      'fetchfleet_origin_limit{origin="http://a",kind="rate"} 2.5',
      'fetchfleet_origin_waiting{origin="http://a"} 40',
    ]);
  });

  it('have no limit where there is none, and no origin that is no longer used', async () => {
    let origin = 'http://a';
    const lines = scrape(() => [{ origin }]);
    expect(await lines()).toEqual([
      'fetchfleet_origin_in_use{origin="http://a"} 0',
      'fetchfleet_origin_waiting{origin="http://a"} 0',
      'fetchfleet_origin_blocked_seconds{origin="http://a"} 0',
      'fetchfleet_origin_breaker_open{origin="http://a"} 0',
    ]);
    origin = 'http://b';
    expect((await lines()).join('\n')).not.toContain('http://a');
  });

  it('are absent when they cannot be read, instead of old', async () => {
    let isGone = false;
    const lines = scrape(() => {
      if (isGone) {
        throw new Error('no Redis');
      }
      return [{ origin: 'http://a' }];
    });
    expect(await lines()).toHaveLength(4);
    isGone = true;
    expect(await lines()).toEqual([]);
  });
});
