import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard, startProcess } from '@fetchfleet/testing';
import { register } from 'prom-client';
import { CATALOGUE } from '../../src/metrics/catalogue.ts';
import type { FleetState } from '../../src/metrics/fleet-gauges.ts';
import { type Metrics, type MetricsOptions, createMetrics } from '../../src/metrics/metrics.ts';

let metrics: Metrics | undefined;

afterEach(() => metrics?.stop());

installLeakGuard();

function create(options: Partial<MetricsOptions> = {}): Metrics {
  metrics = createMetrics({ worker: 'w-1', ...options });
  return metrics;
}

/** The lines of a page that begin with `prefix`. */
async function linesOf(from: Metrics, prefix: string): Promise<string[]> {
  return (await from.page()).body.split('\n').filter((line) => line.startsWith(prefix));
}

const FLEET: FleetState = {
  backlog: { runnable: 1, throttled: 2, delayed: 3, active: 4 },
  slices: { waiting: 5 },
  oldestPendingSeconds: 1.5,
  batches: { running: 1, finished: 0 },
  unfinished: [{ batch: 'b-1', total: 10, settled: 3, failed: 1 }],
  schedules: [
    { schedule: 'daily', counts: { started: 7, missed: 0 }, lastFinish: 9_500, intervalMs: 60_000 },
  ],
  nextRunMs: 70_500,
  notifications: { waiting: 3, lost: 4 },
  removalsWaiting: 5,
  workers: 2,
  redisMemoryBytes: 1_000_000,
  redisMemoryLimitBytes: 0,
  origins: [],
};

function settle(into: Metrics, origin: string): void {
  into.fetchSettled({ outcome: 'ok', origin, durationSeconds: 0.03, bytes: 1_200 });
}

describe('createMetrics', () => {
  it('serves every metric of the catalogue, with its type and help, and no other of that prefix', async () => {
    const made = create();
    made.onCollect(() => made.setFleet(FLEET));
    const { body, contentType } = await made.page();
    expect(contentType).toContain('text/plain');
    const types = [...body.matchAll(/^# TYPE (fetchfleet_\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const expected = Object.values(CATALOGUE).map(({ name, type }) => `${name} ${type}`);
    expect(types.toSorted()).toEqual(expected.toSorted());
    for (const { name, help } of Object.values(CATALOGUE)) {
      expect(body).toContain(`# HELP ${name} ${help}\n`);
    }
  });

  it('has no figures of the memory of Redis where they are not known', async () => {
    const made = create();
    made.onCollect(() => made.setFleet({ ...FLEET, redisMemoryBytes: 0 }));
    expect(await linesOf(made, 'fetchfleet_redis_memory')).toEqual([]);
    const known = create();
    known.onCollect(() => known.setFleet(FLEET));
    expect(await linesOf(known, 'fetchfleet_redis_memory')).toHaveLength(2);
  });

  it('says when schedules have run, anew at each scrape', async () => {
    const made = create();
    made.onCollect(() => made.setFleet(FLEET));
    for (let scrape = 0; scrape < 2; scrape++) {
      expect(await linesOf(made, 'fetchfleet_schedule')).toEqual([
        'fetchfleet_schedule_runs_total{schedule="daily",result="started"} 7',
        'fetchfleet_schedule_runs_total{schedule="daily",result="missed"} 0',
        'fetchfleet_schedule_last_finish_timestamp_seconds{schedule="daily"} 9.5',
        'fetchfleet_schedule_interval_seconds{schedule="daily"} 60',
      ]);
      expect(await linesOf(made, 'fetchfleet_notifications_lost')).toEqual([
        'fetchfleet_notifications_lost_total 4',
      ]);
    }
  });

  it('says when the next run is due, and nothing of it where there is none', async () => {
    const made = create();
    let fleet: FleetState = FLEET;
    made.onCollect(() => made.setFleet(fleet));
    const line = 'fetchfleet_next_run_timestamp_seconds';
    expect(await linesOf(made, line)).toEqual([`${line} 70.5`]);
    fleet = { ...FLEET, nextRunMs: undefined };
    for (let scrape = 0; scrape < 2; scrape++) {
      expect(await linesOf(made, line)).toEqual([]);
    }
  });

  it('serves no series of the fleet, not even a zero, on a worker that does not export it', async () => {
    const { body } = await create().page();
    for (const { name, scope } of Object.values(CATALOGUE)) {
      expect([name, body.includes(`# TYPE ${name} `)]).toEqual([name, scope === 'worker']);
    }
  });

  it('shows the fleet of this scrape, and nothing of an earlier one', async () => {
    const made = create();
    let fleet = FLEET;
    made.onCollect(() => made.setFleet(fleet));
    expect(await linesOf(made, 'fetchfleet_backlog_fetches')).toEqual([
      'fetchfleet_backlog_fetches{state="runnable"} 1',
      'fetchfleet_backlog_fetches{state="throttled"} 2',
      'fetchfleet_backlog_fetches{state="delayed"} 3',
      'fetchfleet_backlog_fetches{state="active"} 4',
    ]);
    expect(await linesOf(made, 'fetchfleet_batch_fetches')).toEqual([
      'fetchfleet_batch_fetches{batch="b-1",state="total"} 10',
      'fetchfleet_batch_fetches{batch="b-1",state="settled"} 3',
      'fetchfleet_batch_fetches{batch="b-1",state="failed"} 1',
    ]);
    fleet = { ...FLEET, unfinished: [], oldestPendingSeconds: 0 };
    expect(await linesOf(made, 'fetchfleet_batch_fetches')).toEqual([]);
    expect(await linesOf(made, 'fetchfleet_oldest')).toEqual([
      'fetchfleet_oldest_pending_fetch_age_seconds 0',
    ]);
  });

  it('serves the standard metrics of the process and leaves the global registry alone', async () => {
    const { body } = await create().page();
    expect(body).toContain('process_resident_memory_bytes ');
    expect(body).toContain('process_cpu_seconds_total ');
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it('keeps two sets of metrics in one process apart', async () => {
    const first = create();
    const second = createMetrics({ worker: 'w-2' });
    first.fetchesInFlight.set(5);
    expect(await linesOf(second, 'fetchfleet_fetches_in_flight')).toEqual([
      'fetchfleet_fetches_in_flight 0',
    ]);
    second.stop();
  });

  it('counts a settled fetch by outcome and origin, its duration and its bytes', async () => {
    const made = create();
    settle(made, 'http://a');
    made.fetchSettled({ outcome: 'timeout', origin: 'http://a', durationSeconds: 30, bytes: 7 });
    expect(await linesOf(made, 'fetchfleet_fetches_total')).toEqual([
      'fetchfleet_fetches_total{outcome="ok",origin="http://a"} 1',
      'fetchfleet_fetches_total{outcome="timeout",origin="http://a"} 1',
    ]);
    expect(await linesOf(made, 'fetchfleet_fetch_duration_seconds_count')).toEqual([
      'fetchfleet_fetch_duration_seconds_count{result="ok"} 1',
      'fetchfleet_fetch_duration_seconds_count{result="failed"} 1',
    ]);
    expect(await linesOf(made, 'fetchfleet_received_bytes_total')).toEqual([
      'fetchfleet_received_bytes_total 1207',
    ]);
  });

  it('caps the origin label over all metrics that have it, and reasons too', async () => {
    const made = create({ originCap: 2 });
    for (let at = 0; at < 500; at += 1) {
      settle(made, `http://origin-${at}`);
      made.fetchThrottled({ origin: `http://origin-${499 - at}`, reason: '429' });
      made.fetchRetried(`reason-${at}`);
    }
    expect(await linesOf(made, 'fetchfleet_fetches_total')).toEqual([
      'fetchfleet_fetches_total{outcome="ok",origin="http://origin-0"} 1',
      // The throttle of the first turn was the second origin.
      'fetchfleet_fetches_total{outcome="ok",origin="other"} 498',
      'fetchfleet_fetches_total{outcome="ok",origin="http://origin-499"} 1',
    ]);
    expect(await linesOf(made, 'fetchfleet_throttles_total')).toHaveLength(3);
    // Throttles and retries share the 50 names for reasons: 429 took one of them.
    expect(await linesOf(made, 'fetchfleet_retries_total')).toHaveLength(49 + 1);
  });

  it('names worker and versions, and shows every slice result before the first slice', async () => {
    const made = create({ version: '1.2.3', transport: 'native' });
    expect(await linesOf(made, 'fetchfleet_build_info')).toEqual([
      `fetchfleet_build_info{worker="w-1",version="1.2.3",transport="native",node="${process.versions.node}"} 1`,
    ]);
    expect(await linesOf(made, 'fetchfleet_slices_total')).toHaveLength(6);
  });

  it('measures how late the event loop is', async () => {
    const made = create();
    await eventually(async () => {
      const until = performance.now() + 100;
      while (performance.now() < until) {}
      await nextTurn(); // The measuring timer is late and fires first.
      const [, , max] = await linesOf(made, 'fetchfleet_event_loop_lag_seconds');
      expect(max).toContain('stat="max"');
      expect(Number(max?.split(' ')[1])).toBeGreaterThan(0.03);
    });
  });

  it('collects gauges at every scrape, once for simultaneous scrapes, and forgets old values', async () => {
    const made = create();
    let asked = 0;
    made.onCollect(async () => {
      await Promise.resolve();
      asked += 1;
      if (asked === 1) {
        made.setFleet({ ...FLEET, slices: { waiting: 7 } });
      }
    });
    const [first, second] = await Promise.all([made.page(), made.page()]);
    expect(first).toBe(second);
    expect(first.body).toContain('fetchfleet_queue_slices{state="waiting"} 7');
    expect(await linesOf(made, 'fetchfleet_queue_slices')).toEqual([]);
    expect(asked).toBe(2);
  });

  it('serves the rest when a gauge cannot be collected, and counts that', async () => {
    const made = create();
    made.onCollect(() => {
      throw new Error('no Redis');
    });
    // Like a client that waits for its connection.
    made.onCollect(() => new Promise(() => undefined));
    expect(await linesOf(made, 'fetchfleet_collect_errors')).toEqual([
      'fetchfleet_collect_errors_total 2',
    ]);
  });

  it('passes the check of Prometheus itself, where promtool is installed', async () => {
    const made = create();
    settle(made, 'http://a');
    made.onCollect(() => made.setFleet(FLEET));
    const { body } = await made.page();
    // The names of the standard metrics are not ours: some of them break its rules.
    const ours = body.split('\n').filter((line) => line.includes('fetchfleet_'));
    const input = `${ours.join('\n')}\n`;
    let check;
    try {
      check = await startProcess('promtool', ['check', 'metrics'], { input });
    } catch (error) {
      if (!String(error).includes('ENOENT')) {
        throw error;
      }
      return; // Then the naming rules of catalogue.test.ts alone stand for it.
    }
    const exit = await check.exit;
    expect({ ...exit, stderr: check.stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  });
});
