import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Origins } from '@fetchfleet/fleet';
import { closeAfterEach, eventually, redisUrl, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, expectComplete, readRecords, settled, setUpFleet } from './fleet-fixture.ts';
import { startRedisProxy } from './redis-proxy.ts';

closeAfterEach();

// So many that a batch is still running when a busy machine gets round to the next step of a test.
const TOTAL = 1_200;

const setUp = async (url = redisUrl()) => setUpFleet(url, { delayMs: 80 });

/** An origin whose every answer starts the thread that writes. */
async function setUpLarge() {
  const { origin, results, fleet } = await setUp();
  origin.respond(/large/, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'x'.repeat(300_000) }),
    delayMs: 80,
  });
  return { origin, results, fleet };
}

describe('N in, N out', () => {
  it('when workers are stopped one after the other under load, with no attempt used', async () => {
    const { origin, results, fleet } = await setUp();
    const total = await fleet.enqueue('rolling', crawlFile(`${origin.url}/echo/{n}`, TOTAL));
    for (let round = 1; round <= 3; round++) {
      const old = await fleet.worker(['--concurrency', '30']);
      await settled(fleet, 'rolling', round * 60);
      expect((await fleet.queue.counts())['active']).toBeGreaterThan(0);
      expect(await old.kill('SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
      expect(old.stderr).not.toMatch(/drain timeout passed/);
      expect(await fleet.queue.counts()).toMatchObject({ active: 0, failed: 0 });
    }
    await fleet.worker(['--concurrency', '30']);
    await expectComplete({ fleet, results }, 'rolling', total);
    const records = await readRecords(results, 'rolling');
    // Drained fetches ended or were never started: nothing ran twice.
    expect(records).toHaveLength(total);
    expect(Math.max(...records.map(({ attempts }) => attempts))).toBe(1);
    expect(origin.arrivals).toHaveLength(total);
  });

  it('when running fetches outlast the drain deadline: they go back with no attempt used', async () => {
    const { origin, results, fleet } = await setUp();
    const isReleased = { value: false };
    origin.respond(/held/, async (_, response) => {
      if (isReleased.value) {
        response.end('done');
      }
    });
    const total = await fleet.enqueue('deadline', crawlFile(`${origin.url}/held/{n}`, 20));
    const worker = await fleet.worker(['--drain-timeout', '500ms']);
    await eventually(() => expect(origin.inFlight).toBe(20));
    await worker.kill('SIGTERM');
    expect(await fleet.queue.counts()).toMatchObject({ active: 0, failed: 0 });
    isReleased.value = true;
    await fleet.worker();
    await expectComplete({ fleet, results }, 'deadline', total);
    const records = await readRecords(results, 'deadline');
    expect(new Set(records.map(({ attempts }) => attempts))).toEqual(new Set([1]));
  });

  it('when Redis is killed and restarted in mid-batch', async () => {
    const redis = await startRedis({ appendonly: true, appendfsync: 'everysec' });
    const { origin, results, fleet } = await setUp(redis.url);
    const total = await fleet.enqueue('outage', crawlFile(`${origin.url}/echo/{n}`, TOTAL));
    const worker = await fleet.worker(['--concurrency', '20']);
    await settled(fleet, 'outage', 40);
    await redis.kill();
    expect(origin.arrivals.length).toBeLessThan(total);
    const port = worker.stderr.match(/"metricsPort":(\d+)/)?.[1];
    await eventually(async () =>
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503),
    );
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    await redis.restart();
    await expectComplete({ fleet, results }, 'outage', total);
    expect(worker.isRunning).toBe(true);
    await worker.kill('SIGTERM');
    await fleet.stop();
    await redis.dispose();
  });

  it('when Redis is frozen for longer than a claim lasts', async () => {
    const redis = await startRedis({ appendonly: true });
    const { origin, results, fleet } = await setUp(redis.url);
    const total = await fleet.enqueue('frozen', crawlFile(`${origin.url}/echo/{n}`, TOTAL));
    await fleet.worker(['--concurrency', '10']);
    await fleet.worker(['--concurrency', '10']);
    await settled(fleet, 'frozen', 60);
    expect((await fleet.queue.counts())['active']).toBeGreaterThan(0);
    await redis.freezeFor(12_000);
    await expectComplete({ fleet, results }, 'frozen', total);
    await fleet.stop();
    await redis.dispose();
  });
});

describe('a slice that takes its workers with it', () => {
  it('ends as worker-lost records', async () => {
    const { origin, results, fleet } = await setUp();
    origin.respond(/poison/, () => undefined);
    await fleet.enqueue('poison', crawlFile(`${origin.url}/poison/{n}`, 2), 2);
    // What five vanished workers leave behind: BullMQ counts them in the job.
    const [job] = await fleet.redis.keys(`${fleet.keys.home.queuePrefix}:slices:poison.0`);
    await fleet.redis.hset(job ?? '', 'stc', 6);
    await fleet.worker();
    const status = await fleet.finished('poison');
    expect(status).toMatchObject({ failed: 2, outcomes: { 'worker-lost': 2 } });
    expect(await readRecords(results, 'poison')).toMatchObject([
      { outcome: 'worker-lost', error: { code: 'WORKER_LOST' } },
      { outcome: 'worker-lost' },
    ]);
    expect(origin.arrivals).toHaveLength(0);
  });
});

describe('results that cannot be written', () => {
  it('are said, nothing is acknowledged, and the worker goes on when they can', async () => {
    const { origin, results, fleet } = await setUp();
    const total = await fleet.enqueue('full', crawlFile(`${origin.url}/echo/{n}`, 400));
    // A file where the batch's folder should be.
    await writeFile(join(results, 'full'), 'in the way');
    const worker = await fleet.worker(['--concurrency', '10']);
    await worker.waitForLine(/results cannot be written/);
    expect(await fleet.ledger.status('full')).toMatchObject({ settled: 0 });
    const port = worker.stderr.match(/"metricsPort":(\d+)/)?.[1];
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    const asked = origin.arrivals.length;
    expect(asked).toBeLessThan(total / 2);
    await rm(join(results, 'full'));
    await worker.waitForLine(/results can be written again/);
    await expectComplete({ fleet, results }, 'full', total);
  });

  it('wait while another folder is at the path, and go to the right one', async () => {
    const { origin, results, fleet } = await setUp();
    const total = await fleet.enqueue('moved', crawlFile(`${origin.url}/echo/{n}`, 300));
    const worker = await fleet.worker(['--concurrency', '10']);
    await settled(fleet, 'moved', 1);
    await rename(results, `${results}-aside`);
    await mkdir(results);
    await worker.waitForLine(/results cannot be written/);
    const port = worker.stderr.match(/"metricsPort":(\d+)/)?.[1];
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    expect(await readdir(results)).toEqual([]);
    await rm(results, { recursive: true });
    await rename(`${results}-aside`, results);
    await worker.waitForLine(/results can be written again/);
    await expectComplete({ fleet, results }, 'moved', total);
  });

  it('do not keep a drained worker from ending; its fetches run elsewhere', async () => {
    const { origin, results, fleet } = await setUp();
    const total = await fleet.enqueue('stuck', crawlFile(`${origin.url}/echo/{n}`, 30));
    await writeFile(join(results, 'stuck'), 'in the way');
    const worker = await fleet.worker(['--drain-timeout', '500ms']);
    await worker.waitForLine(/results cannot be written/);
    expect(await worker.kill('SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
    await rm(join(results, 'stuck'));
    await fleet.worker();
    await expectComplete({ fleet, results }, 'stuck', total);
  });

  it('end a worker at its start with exit 3 and the path', async () => {
    const { fleet, results } = await setUp();
    await writeFile(join(results, 'file'), '');
    await expect(fleet.worker(['--results', join(results, 'file', 'results')])).rejects.toThrow(
      /file\/results/,
    );
  });
});

describe('large bodies, which a thread of the worker writes', () => {
  it('have one record each when workers are killed', async () => {
    const { origin, results, fleet } = await setUpLarge();
    const total = await fleet.enqueue('killed', crawlFile(`${origin.url}/large/{n}`, 300));
    for (let round = 1; round <= 3; round++) {
      const worker = await fleet.worker(['--concurrency', '10']);
      await settled(fleet, 'killed', round * 30);
      await worker.kill('SIGKILL');
    }
    const last = await fleet.worker(['--concurrency', '10']);
    await expectComplete({ fleet, results }, 'killed', total);
    const [record] = await readRecords(results, 'killed');
    expect(record).toMatchObject({ outcome: 'ok', body: { text: 'x'.repeat(300_000) } });
    expect(await last.kill('SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
  });

  it('are not acknowledged while they cannot be written', async () => {
    const { origin, results, fleet } = await setUpLarge();
    const total = await fleet.enqueue('large-full', crawlFile(`${origin.url}/large/{n}`, 200));
    const worker = await fleet.worker(['--concurrency', '10']);
    await settled(fleet, 'large-full', 20);
    await rename(results, `${results}-aside`);
    await mkdir(results);
    await worker.waitForLine(/results cannot be written/);
    const { settled: before = 0 } = (await fleet.ledger.status('large-full')) ?? {};
    expect(before).toBeLessThan(total);
    expect(await readdir(results)).toEqual([]);
    await rm(results, { recursive: true });
    await rename(`${results}-aside`, results);
    await worker.waitForLine(/results can be written again/);
    await expectComplete({ fleet, results }, 'large-full', total);
    expect(await worker.kill('SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
  });
});

describe('slices that wait for a slow origin', () => {
  it.each(['connection', 'worker'])(
    'are fetched when its limit is raised, although the answer that wakes them is lost with its %s',
    async (lost) => {
      const { origin, results, fleet } = await setUp();
      const redis = await startRedisProxy(redisUrl());
      const worker = await fleet.worker([], { REDIS_URL: redis.url });
      const slow = { politeness: '{ rate: 1/m, concurrency: unlimited, robots: ignore }' };
      const total = await fleet.enqueue('slow', crawlFile(`${origin.url}/echo/{n}`, 600, slow), 50);
      await eventually(async () => expect((await fleet.queue.counts())['delayed']).toBe(11));
      const isLost = redis.loseAnswer('wakeSlices');
      await new Origins(fleet.redis, fleet.keys).set(origin.url, {
        rate: { count: 300, perMs: 1_000 },
      });
      await isLost;
      if (lost === 'worker') {
        await worker.kill('SIGKILL');
        await fleet.worker();
      }
      await expectComplete({ fleet, results }, 'slow', total);
    },
  );
});
