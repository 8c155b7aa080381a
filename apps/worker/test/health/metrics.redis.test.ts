import { stat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetHistory, Workers } from '@fetchfleet/fleet';
import { closeAfterEach, eventually, type Running, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, setUpFleet } from '../fleet/fleet-fixture.ts';

closeAfterEach();

/** The values on the page of a worker, by name and labels. */
async function series(worker: Running): Promise<Map<string, number>> {
  const [, port] = await worker.waitForLine(/"metricsPort":(\d+)/);
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith('fetchfleet_'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

function sum(pages: readonly Map<string, number>[], prefix: string): number {
  const found = pages.flatMap((page) => [...page].filter(([name]) => name.startsWith(prefix)));
  return found.reduce((total, [, value]) => total + value, 0);
}

/** Names of metrics, without labels. */
function namesOf(page: Map<string, number>): Set<string> {
  return new Set([...page.keys()].map((name) => name.replace(/\{.*/, '')));
}

function logged(worker: Running, message: string): Record<string, unknown>[] {
  const lines = worker.stderr.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message);
}

async function partBytes(results: string, batch: string): Promise<number> {
  const names = (await readdir(join(results, batch))).filter((name) => name.startsWith('part-'));
  const sizes = await Promise.all(names.map(async (name) => stat(join(results, batch, name))));
  return sizes.reduce((total, { size }) => total + size, 0);
}

describe('the metrics of two workers', () => {
  it('add up exactly to what the ledger and the results folder hold', async () => {
    const { origin, results, fleet } = await setUpFleet();
    origin.respond(/mixed\/\d*[37]$/, { status: 404, body: 'no' });
    origin.respond(/mixed\/\d*5$/, { status: 200, body: 'ænd så blåbær', headers: {} });
    const workers = [await fleet.worker(['--concurrency', '7']), await fleet.worker()];
    const text = crawlFile(`${origin.url}/mixed/{n}`, 600, {
      retry: '{ attempts: 2, backoff: 50ms }',
    });
    const total = await fleet.enqueue('mixed', text);
    // Every fourth fetch fails once: it uses an attempt and is still settled only once.
    const failed = new Set<string>();
    origin.respond(/often/, (request, response) => {
      const url = request.url ?? '';
      const isFailing = /[048]$/.test(url) && !failed.has(url);
      failed.add(url);
      response.writeHead(isFailing ? 500 : 200).end('{}');
    });
    const retried = 12;
    const again = await fleet.enqueue(
      'again',
      crawlFile(`${origin.url}/often/{n}`, 40, { retry: '{ attempts: 3, backoff: 50ms }' }),
    );
    const ledger = [await fleet.finished('mixed'), await fleet.finished('again')];
    await eventually(async () => {
      const pages = await Promise.all(workers.map(series));
      for (const outcome of ['ok', 'http-error']) {
        const expected = ledger.reduce(
          (n, { outcomes }) => n + Number(Reflect.get(outcomes, outcome) ?? 0),
          0,
        );
        expect(sum(pages, `fetchfleet_fetches_total{outcome="${outcome}"`)).toBe(expected);
      }
      expect(sum(pages, 'fetchfleet_fetches_total')).toBe(total + again);
      expect(sum(pages, 'fetchfleet_fetch_duration_seconds_count')).toBe(total + again);
      expect(sum(pages, 'fetchfleet_records_written_total')).toBe(total + again);
      expect(sum(pages, 'fetchfleet_received_bytes_total')).toBe(
        ledger.reduce((n, { bytes }) => n + bytes, 0),
      );
      expect(sum(pages, 'fetchfleet_record_bytes_total')).toBe(
        (await partBytes(results, 'mixed')) + (await partBytes(results, 'again')),
      );
      expect(sum(pages, 'fetchfleet_retries_total')).toBe(retried);
      expect(sum(pages, 'fetchfleet_slices_active')).toBe(0);
    });
    expect(ledger[0]).toMatchObject({ outcomes: { ok: 480, 'http-error': 120 } });
  });

  it('show the fleet on one worker only, and on another one after that was killed', async () => {
    const { origin, fleet } = await setUpFleet();
    origin.respond(/held/, () => undefined);
    await fleet.enqueue('held', crawlFile(`${origin.url}/held/{n}`, 3));
    const started = [await fleet.worker(), await fleet.worker()];
    const pages = async (): Promise<Map<string, number>[]> => Promise.all(started.map(series));
    await eventually(async () => expect(sum(await pages(), 'fetchfleet_exporter')).toBe(1));
    await eventually(async () => {
      const all = await pages();
      expect(sum(all, 'fetchfleet_workers')).toBe(2);
      expect(sum(all, 'fetchfleet_backlog_fetches{state="active"}')).toBe(3);
      expect(sum(all, 'fetchfleet_batches{state="running"}')).toBe(1);
      expect(sum(all, 'fetchfleet_batch_fetches{batch="held",state="total"}')).toBe(3);
      expect(sum(all, 'fetchfleet_origin_in_use')).toBe(3);
    });
    const holder = (await pages()).findIndex((page) => page.get('fetchfleet_exporter') === 1);
    const [exporter, other] = [started[holder], started[1 - holder]];
    if (exporter === undefined || other === undefined) {
      throw new Error('nobody exports');
    }
    const everywhere = namesOf(await series(other));
    const onlyThere = [...namesOf(await series(exporter))].filter((name) => !everywhere.has(name));
    expect(onlyThere.toSorted()).toEqual([
      'fetchfleet_backlog_fetches',
      'fetchfleet_batch_fetches',
      'fetchfleet_batches',
      'fetchfleet_notifications_lost_total',
      'fetchfleet_notifications_waiting',
      'fetchfleet_oldest_pending_fetch_age_seconds',
      'fetchfleet_origin_blocked_seconds',
      'fetchfleet_origin_breaker_open',
      'fetchfleet_origin_in_use',
      'fetchfleet_origin_waiting',
      'fetchfleet_queue_slices',
      'fetchfleet_redis_memory_bytes',
      'fetchfleet_redis_memory_limit_bytes',
      'fetchfleet_removals_waiting',
      'fetchfleet_workers',
    ]);
    await exporter.kill('SIGKILL');
    await eventually(async () => expect((await series(other)).get('fetchfleet_exporter')).toBe(1));
    // The slices of the killed worker are queued again and counted once.
    await eventually(async () => {
      const page = await series(other);
      expect(page.get('fetchfleet_backlog_fetches{state="active"}')).toBe(3);
      expect(page.get('fetchfleet_slice_stalls_total')).toBeGreaterThan(0);
    });
  });

  it('sample the fleet, and show it on another worker at once after the exporter was stopped', async () => {
    const { fleet } = await setUpFleet();
    const first = await fleet.worker();
    await eventually(async () => expect((await series(first)).get('fetchfleet_exporter')).toBe(1));
    const samples = new FleetHistory(fleet.redis, fleet.keys);
    await eventually(async () => expect(await samples.read()).toMatchObject([{ inFlight: 0 }]));
    const second = await fleet.worker();
    expect((await series(second)).get('fetchfleet_exporter')).toBe(0);
    const reports = await new Workers(fleet.redis, fleet.keys).list();
    expect(reports).toMatchObject(
      Array.from({ length: 2 }, () => ({
        memoryBytes: expect.any(Number),
        eventLoopLagMs: expect.any(Number),
      })),
    );
    await first.kill('SIGTERM');
    await eventually(async () => expect((await series(second)).get('fetchfleet_exporter')).toBe(1));
  });
});

describe('the log of a worker', () => {
  it('has a line for each event of a batch, and none for a fetch', async () => {
    const { origin, fleet } = await setUpFleet();
    const worker = await fleet.worker(['--concurrency', '2']);
    await fleet.enqueue('logged', crawlFile(`${origin.url}/echo/{n}?delay=50`, 20));
    await fleet.finished('logged');
    await worker.waitForLine(/batch finished/);
    expect(logged(worker, 'first slice of a batch')).toMatchObject([
      { batch: 'logged', fetches: 20 },
    ]);
    expect(logged(worker, 'batch finished')).toMatchObject([
      { batch: 'logged', total: 20, ok: 20, failed: 0, outcomes: { ok: 20 } },
    ]);
    await fleet.enqueue('gone', crawlFile(`${origin.url}/echo/{n}?delay=200`, 100));
    await worker.waitForLine(/"batch":"gone".*first slice/);
    await fleet.ledger.pause('gone');
    await worker.waitForLine(/"batch":"gone".*batch paused/);
    await fleet.ledger.unpause('gone');
    await worker.waitForLine(/"batch":"gone".*batch resumed/);
    await fleet.ledger.cancel('gone');
    await worker.waitForLine(/"batch":"gone".*batch cancelled/);
    expect(worker.stderr).not.toMatch(/fetch settled/);
    expect(worker.stderr.split('\n').length).toBeLessThan(14);
  });

  it('has a line for every fetch at level debug, and secrets in none', async () => {
    const redis = await startRedis();
    const { origin, fleet } = await setUpFleet(redis.url);
    await fleet.redis.config('SET', 'requirepass', 'hunter2-redis');
    const text = crawlFile(`${origin.url}/echo/{n}`, 5, {
      headers: '{ authorization: "Bearer ${env:API_TOKEN}", x-key: "${env:API_TOKEN}" }',
    });
    const worker = await fleet.worker(
      [
        '--secrets',
        'API_TOKEN',
        '--log-level',
        'trace',
        '--redis-url',
        redis.url.replace('://', '://:hunter2-redis@'),
      ],
      { API_TOKEN: 'hunter2-token' },
    );
    await fleet.enqueue('secret', text);
    await fleet.finished('secret');
    await worker.waitForLine(/batch finished/);
    const lines = logged(worker, 'fetch settled');
    expect(lines).toHaveLength(5);
    expect(lines.find(({ index }) => index === 0)).toMatchObject({
      batch: 'secret',
      slice: 'secret.0',
      origin: origin.url,
      outcome: 'ok',
      attempts: 1,
    });
    expect(origin.arrivals[0]?.headers['x-key']).toBe('hunter2-token');
    // The error message contains the address of Redis, but not its password.
    await redis.kill();
    await worker.waitForLine(/Redis does not answer/);
    await worker.kill('SIGKILL');
    expect(worker.stderr + worker.stdout).not.toContain('hunter2');
    await fleet.stop();
    await redis.dispose();
  });
});
