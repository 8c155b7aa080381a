import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LocalCrawl } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import {
  BatchRemoval,
  ScheduleLists,
  TickQueue,
  ScheduleStore,
  type ScheduleSpec,
} from '@fetchfleet/fleet';
import {
  eventually,
  installLeakGuard,
  type Origin,
  redisUrl,
  startOrigin,
  startRedis,
  type TemporaryFolder,
  temporaryFolder,
} from '@fetchfleet/testing';
import { crawlFile, type Fleet, PUBLIC_ONLY, startFleet } from '../fleet/fleet-fixture.ts';

const HOUR_MS = 3_600_000;

let folder: TemporaryFolder;
let origin: Origin;
let fleet: Fleet;
let schedules: ScheduleStore;
let jobs: TickQueue;

beforeEach(async () => {
  folder = await temporaryFolder('scheduler');
  origin = await startOrigin();
  fleet = await startFleet(redisUrl(), folder.path);
  schedules = new ScheduleStore(fleet.redis, fleet.keys);
  jobs = new TickQueue(fleet.redis, fleet.keys);
});

afterEach(async () => {
  await jobs.stop();
  const keys = await fleet.redis.keys(`*${fleet.name}*`);
  if (keys.length > 0) {
    await fleet.redis.del(...keys);
  }
  await fleet.stop();
  await origin.stop();
  await folder.remove();
});

installLeakGuard();

function specOf(text: string, changes: Partial<ScheduleSpec> = {}): ScheduleSpec {
  return {
    crawl: parseCrawlFile(text, 'sched.yaml'),
    source: 'sched.yaml',
    cron: '* * * * * *',
    tz: 'UTC',
    overlap: 'skip',
    catchUpMs: 0,
    ...changes,
  };
}

/** An hourly schedule whose last tick was half an hour ago, while no worker ran. */
function hourlyMissed(): Pick<ScheduleSpec, 'cron' | 'catchUpMs'> {
  const missed = new Date(Date.now() - HOUR_MS / 2);
  return { cron: `${missed.getUTCMinutes()} * * * *`, catchUpMs: HOUR_MS };
}

async function add(spec: ScheduleSpec, lastTick?: number): Promise<void> {
  await schedules.put('sched', spec);
  if (lastTick !== undefined) {
    await fleet.redis.hset(fleet.keys.schedule('sched'), 'lastTick', lastTick);
  }
  await jobs.wake({ id: 'sched', terms: spec });
}

async function runs() {
  return (await schedules.get('sched'))?.runs ?? [];
}

async function runOf(state: string) {
  return eventually(async () => {
    const run = (await runs()).find((one) => one.state === state);
    if (run === undefined) {
      throw new Error(`no run is ${state}`);
    }
    return run;
  });
}

describe('a worker with schedules', () => {
  it('starts one batch per tick, whatever the number of workers', async () => {
    const workers = await Promise.all([fleet.worker(), fleet.worker()]);
    const text = crawlFile(`${origin.url}/echo/{n}`, 3);
    await add(specOf(text, { overlap: 'allow' }));
    await eventually(async () => (await fleet.ledger.batches()).length >= 4);
    await schedules.setPaused('sched', true);
    await eventually(async () => (await runs()).every(({ state }) => state !== 'starting'));
    const all = (await runs()).filter(({ state }) => state === 'started');
    expect(new Set(all.map(({ at }) => at)).size).toBe(all.length);
    expect(new Set(all.map(({ batch }) => batch))).toEqual(new Set(await fleet.ledger.batches()));
    const last = all[0]?.batch ?? '';
    expect(await fleet.finished(last)).toMatchObject({ total: 3, ok: 3, source: 'sched.yaml' });
    expect(workers.some(({ stderr }) => stderr.includes('"tick taken"'))).toBe(true);
    await Promise.all(workers.map(async (worker) => worker.kill('SIGTERM')));
  });

  it('catches up on the latest missed tick once, although BullMQ wakes it late as well', async () => {
    const text = crawlFile(`${origin.url}/echo/{n}`, 2);
    await add(specOf(text, hourlyMissed()), Date.now() - 10 * HOUR_MS);
    const workers = await Promise.all([fleet.worker(), fleet.worker()]);
    const run = await runOf('started');
    expect(run).toMatchObject({ isCaughtUp: true, kind: 'tick' });
    expect(await fleet.finished(run.batch ?? '')).toMatchObject({ ok: 2 });
    expect(await runs()).toMatchObject([{ state: 'started' }, { state: 'missed', count: 9 }]);
    expect(await fleet.ledger.batches()).toHaveLength(1);
    const log = workers.map(({ stderr }) => stderr).join('');
    expect(log).toContain('"missed tick caught up"');
    expect(log).toContain('"ticks missed"');
    await Promise.all(workers.map(async (worker) => worker.kill('SIGTERM')));
  });

  it('keeps the batches that it is told to keep, and their results', async () => {
    const workers = await Promise.all([fleet.worker(), fleet.worker(['--no-schedules'])]);
    const text = crawlFile(`${origin.url}/echo/{n}`, 3);
    await add(specOf(text, { overlap: 'allow', keep: { batches: 2 } }));
    const first = (await runOf('started')).batch ?? '';
    await eventually(async () => (await fleet.ledger.state(first)) === undefined);
    await schedules.setPaused('sched', true);
    const removal = new BatchRemoval(fleet.redis, fleet.keys);
    await eventually(async () => {
      const states = await fleet.ledger.states(await fleet.ledger.batches());
      expect(states.every((state) => state === 'finished')).toBe(true);
      expect((await removal.unfinished()).size).toBe(0);
    });
    // Results and ledger have the same batches, the newest two among them.
    const kept = await fleet.ledger.batches();
    const folders = (await readdir(folder.path)).filter((name) => !name.startsWith('.'));
    expect(folders.toSorted()).toEqual(kept.toSorted());
    expect(kept.length).toBeGreaterThanOrEqual(2);
    const ended = (await runs()).find(({ batch }) => batch === first)?.ended;
    expect(ended).toMatchObject({ state: 'finished', total: 3, failed: 0 });
    await Promise.all(workers.map(async (worker) => worker.kill('SIGTERM')));
  });

  it('removes what it does not keep while Redis is full, although it can start nothing', async () => {
    const own = await startRedis();
    const other = await startFleet(own.url, folder.path);
    const { redis, keys, ledger } = other;
    const [store, ticks] = [new ScheduleStore(redis, keys), new TickQueue(redis, keys)];
    const text = crawlFile(`${origin.url}/echo/{n}`, 3);
    const spec = specOf(text, { cron: '0 0 1 1 *', overlap: 'allow' });
    await store.put('sched', spec);
    const first = await other.worker();
    for (let n = 0; n < 3; n += 1) {
      const run = await store.runNow('sched');
      await ticks.offer('sched', run?.key ?? '');
      await other.finished(run?.batch ?? '');
    }
    await first.kill('SIGTERM');
    const newest = (await ledger.batches()).at(0);
    await store.put('sched', { ...spec, keep: { batches: 1 } });
    // It comes first, and Redis refuses its run.
    await store.put('a-due', specOf(text, hourlyMissed()));
    await redis.hset(keys.schedule('a-due'), 'lastTick', Date.now() - 10 * HOUR_MS);
    await redis.config('SET', 'maxmemory', '1');
    const second = await other.worker();
    const removal = new BatchRemoval(redis, keys);
    await eventually(async () => {
      expect(await ledger.batches()).toEqual([newest]);
      expect((await removal.unfinished()).size).toBe(0);
    });
    const folders = (await readdir(folder.path)).filter((name) => !name.startsWith('.'));
    expect(folders).toEqual([newest]);
    await second.waitForLine(/OOM/u);
    await second.kill('SIGTERM');
    await ticks.stop();
    await other.stop();
    await own.dispose();
  });

  it('checks a schedule although those before it are not valid in Redis', async () => {
    const { redis, keys } = fleet;
    const spec = specOf(crawlFile(`${origin.url}/echo/{n}`, 2), hourlyMissed());
    for (const id of ['a-bad', 'sched']) {
      await schedules.put(id, spec);
    }
    await redis.hset(keys.schedule('a-bad'), 'terms', '{"cron":');
    await redis.sadd(keys.home.schedules, 'a-typed', '\u001b[2J');
    await redis.set(keys.schedule('a-typed'), 'x');
    await redis.hset(keys.schedule('sched'), 'lastTick', Date.now() - 10 * HOUR_MS);
    const worker = await fleet.worker();
    expect(await fleet.finished((await runOf('started')).batch ?? '')).toMatchObject({ ok: 2 });
    await worker.waitForLine(/schedule a-bad is damaged in Redis/u);
    await worker.waitForLine(/schedule a-typed has another type in Redis/u);
    await worker.kill('SIGTERM');
  });

  it('runs once a tick that came while no worker ran', async () => {
    const text = crawlFile(`${origin.url}/echo/{n}`, 2);
    const soon = new Date(Date.now() + 2_500);
    const cron = `${soon.getUTCSeconds()} ${soon.getUTCMinutes()} * * * *`;
    await add(specOf(text, { cron }));
    const tick = (await schedules.get('sched'))?.lastTick ?? 0;
    // The job of BullMQ is overdue before the first worker starts.
    await eventually(() => Date.now() > soon.getTime() + 500);
    const workers = await Promise.all([fleet.worker(), fleet.worker()]);
    const run = await runOf('started');
    expect(run.at).toBeGreaterThan(tick);
    await fleet.finished(run.batch ?? '');
    expect(await runs()).toHaveLength(1);
    await Promise.all(workers.map(async (worker) => worker.kill('SIGTERM')));
  });

  it('takes over the enqueueing of a killed worker, without duplicates', async () => {
    const total = 300_000;
    // Nothing is fetched meanwhile, so that all slices stay in the queue and can be counted.
    const text = crawlFile('https://a.invalid/{n}', total, {
      politeness: '{ rate: 1/h, robots: ignore }',
    });
    const workers = await Promise.all([fleet.worker(), fleet.worker()]);
    await add(specOf(text, { cron: '0 0 1 1 *' }));
    const run = await schedules.runNow('sched');
    await jobs.offer('sched', run?.key ?? '');
    const batch = run?.batch ?? '';
    const count = async (): Promise<number> => {
      const counts = await fleet.queue.counts();
      return Object.values(counts).reduce((sum, one) => sum + one, 0);
    };
    await eventually(async () => (await count()) > 300, { intervalMs: 5 });
    const beginning = /"enqueueing scheduled batch"/u;
    const [holder, other] = workers.toSorted((a) => (beginning.test(a.stderr) ? -1 : 1));
    await holder?.kill('SIGKILL');
    expect(await fleet.ledger.state(batch)).toBe('expanding');
    await other?.waitForLine(beginning);
    await eventually(async () => (await fleet.ledger.state(batch)) === 'running');
    expect(await count()).toBe(total / 50);
    expect((await runOf('started')).batch).toBe(batch);
    expect(await fleet.ledger.batches()).toEqual([batch]);
    await other?.kill('SIGKILL');
  });

  it('waits for somebody who enqueues its batch, and takes over from one who died', async () => {
    const spec = specOf(crawlFile(`${origin.url}/echo/{n}`, 3), { cron: '0 0 1 1 *' });
    await add(spec);
    const run = await schedules.runNow('sched');
    const batch = run?.batch ?? '';
    const local = await LocalCrawl.of(spec.crawl, async () => []);
    const fingerprint = await local.fingerprint();
    await local.remove();
    const rest = { total: 3, sliceSize: 1, source: '', fingerprint, schedule: 'sched' };
    await fleet.ledger.register({ id: batch, crawl: spec.crawl, ...rest });
    // The lease of a person's `resume`, for longer than an attempt waited for it.
    expect(await fleet.ledger.holdExpansion(batch, 'a producer', 9_000)).toBe(true);
    await jobs.offer('sched', run?.key ?? '');
    // No attempt follows the next one.
    const job = `${fleet.keys.home.queuePrefix}:schedules:sched.${run?.key ?? ''}`;
    await fleet.redis.hset(job, 'atm', 3);
    const worker = await fleet.worker();
    await fleet.finished(batch);
    expect(await fleet.ledger.status(batch)).toMatchObject({ state: 'finished', ok: 3 });
    expect(await runs()).toMatchObject([{ state: 'started', batch }]);
    await worker.kill('SIGTERM');
  });

  it('skips a tick while the previous batch runs, and logs it', async () => {
    const text = crawlFile(`${origin.url}/echo/{n}?delay=3000`, 1);
    const worker = await fleet.worker();
    await add(specOf(text));
    const skipped = await runOf('skipped');
    // The tick before has its batch, which may still be on its way to the ledger.
    const { batch } = await runOf('started');
    expect(skipped.reason).toBe(`batch ${batch} has not ended`);
    await worker.waitForLine(/"tick skipped"/u);
    await worker.kill('SIGTERM');
  });

  it('starts a queued run when the previous batch has ended', async () => {
    const worker = await fleet.worker();
    const text = crawlFile(`${origin.url}/echo/{n}?delay=1500`, 1);
    await add(specOf(text, { cron: '0 0 1 1 *', overlap: 'queue' }));
    const [first, second] = [await schedules.runNow('sched'), await schedules.runNow('sched')];
    expect(second?.state).toBe('queued');
    await jobs.offer('sched', first?.key ?? '');
    await fleet.finished(second?.batch ?? '');
    expect((await runs()).map(({ state }) => state)).toEqual(['started', 'started']);
    await worker.kill('SIGTERM');
  });

  it('gives a batch that it enqueues back when it drains', async () => {
    const text = crawlFile('https://a.invalid/{n}', 1_500_000, {
      politeness: '{ rate: 1/h, robots: ignore }',
    });
    const worker = await fleet.worker();
    await add(specOf(text, { cron: '0 0 1 1 *' }));
    const run = await schedules.runNow('sched');
    await jobs.offer('sched', run?.key ?? '');
    await eventually(async () => (await fleet.ledger.state(run?.batch ?? '')) === 'expanding');
    await worker.kill('SIGTERM');
    expect(worker.stderr).toContain('"drained"');
    expect(await runs()).toMatchObject([{ state: 'starting' }]);
    const job = await fleet.redis.lrange(`${fleet.keys.home.queuePrefix}:schedules:wait`, 0, -1);
    expect(job).toEqual([`sched.${run?.key ?? ''}`]);
  });

  it('continues after a restart of Redis, and starts nothing twice', async () => {
    const own = await startRedis({ appendonly: true, appendfsync: 'always' });
    const other = await startFleet(own.url, folder.path);
    const [ledger, queue] = [
      new ScheduleStore(other.redis, other.keys),
      new TickQueue(other.redis, other.keys),
    ];
    const worker = await other.worker();
    const spec = specOf(crawlFile(`${origin.url}/echo/{n}`, 1), { overlap: 'allow' });
    await ledger.put('sched', spec);
    await queue.wake({ id: 'sched', terms: spec });
    const started = async (afterMs: number): Promise<boolean> =>
      ((await ledger.get('sched'))?.runs ?? []).some(
        ({ state, at }) => state === 'started' && at > afterMs,
      );
    await eventually(async () => started(0));
    await own.restart();
    const restartedAt = Date.now();
    await eventually(async () => started(restartedAt));
    const runsNow = (await ledger.get('sched'))?.runs ?? [];
    const ticks = runsNow.filter(({ state }) => state === 'started').map(({ at }) => at);
    expect(new Set(ticks).size).toBe(ticks.length);
    await worker.kill('SIGTERM');
    await queue.stop();
    await other.stop();
    await own.dispose();
  });

  it('ends a run as failed after it has killed several workers', async () => {
    await add(specOf(crawlFile(`${origin.url}/echo/{n}`, 1), { cron: '0 0 1 1 *' }));
    const run = await schedules.runNow('sched');
    await jobs.offer('sched', run?.key ?? '');
    const job = `${fleet.keys.home.queuePrefix}:schedules:sched.${run?.key ?? ''}`;
    await fleet.redis.hset(job, 'stc', 6);
    const worker = await fleet.worker();
    expect((await runOf('failed')).reason).toMatch(/workers that enqueued it died/u);
    expect(await fleet.ledger.batches()).toEqual([]);
    await worker.kill('SIGTERM');
  });

  it('starts no batches with --no-schedules or FETCHFLEET_SCHEDULES=false', async () => {
    const text = crawlFile(`${origin.url}/echo/{n}`, 1);
    const [flagged, named] = await Promise.all([
      fleet.worker(['--no-schedules']),
      fleet.worker([], { FETCHFLEET_SCHEDULES: 'false' }),
    ]);
    await add(specOf(text));
    await eventually(async () => (await schedules.ids()).length === 1);
    const tick = (await schedules.get('sched'))?.lastTick ?? 0;
    await eventually(() => Date.now() > tick + 3_000);
    expect(await runs()).toEqual([]);
    const worker = await fleet.worker([], { FETCHFLEET_SCHEDULES: 'true' });
    await runOf('started');
    await Promise.all([flagged, named, worker].map(async (one) => one.kill('SIGTERM')));
  });
});

function listed(path: string): ScheduleSpec {
  const text = crawlFile(`${origin.url}/echo/{id}`, 1, {
    params: `{ id: { file: "${path}", column: id } }`,
  });
  return specOf(text, { cron: '0 0 1 1 *' });
}

async function runNow(): Promise<string> {
  const run = await schedules.runNow('sched');
  await jobs.offer('sched', run?.key ?? '');
  return run?.batch ?? '';
}

describe('the list of a schedule', () => {
  it('at a URL is read at every run', async () => {
    let text = 'id\n1\n2\n';
    origin.respond('/ids.csv', async (_, response) => void response.end(text));
    const worker = await fleet.worker();
    await add(listed(`${origin.url}/ids.csv`));
    expect(await fleet.finished(await runNow())).toMatchObject({ total: 2, ok: 2 });
    text = 'id\n3\n4\n5\n';
    expect(await fleet.finished(await runNow())).toMatchObject({ total: 3, ok: 3 });
    expect(origin.arrivalsOf('/echo/5')).toHaveLength(1);
    await worker.kill('SIGTERM');
  });

  it('that cannot be read for a moment is read a little later', async () => {
    let tries = 0;
    origin.respond('/ids.csv', async (_, response) => {
      response.writeHead(tries++ === 0 ? 503 : 200).end('id\n1\n');
    });
    const worker = await fleet.worker();
    await add(listed(`${origin.url}/ids.csv`));
    const batch = await runNow();
    await worker.waitForLine(/ids\.csv.*it answered 503.*trying again/u);
    expect(await fleet.finished(batch)).toMatchObject({ ok: 1 });
    await worker.kill('SIGTERM');
  });

  it('at an address that the worker may not reach ends the run with the reason', async () => {
    const worker = await fleet.worker([PUBLIC_ONLY]);
    await add(listed(`${origin.url}/ids.csv`));
    await runNow();
    const run = await runOf('failed');
    expect(run.reason).toMatch(/ids\.csv: the list cannot be read: .*loopback address.*refused/u);
    await worker.waitForLine(/"scheduled batch failed"/u);
    expect(origin.arrivals).toEqual([]);
    await worker.kill('SIGTERM');
  });

  it('that somebody has put into Redis as a file is not read', async () => {
    const path = join(folder.path, 'customers.csv');
    await writeFile(path, 'id\n1\n');
    const worker = await fleet.worker();
    const spec = listed(`${origin.url}/ids.csv`);
    await add(spec);
    const run = await schedules.runNow('sched');
    const sources = spec.crawl.sources.map((source) => ({ ...source, path }));
    await fleet.ledger.register({
      id: run?.batch ?? '',
      crawl: { ...spec.crawl, sources },
      total: 1,
      sliceSize: 1,
      source: 'sched.yaml',
      fingerprint: 'f',
    });
    await jobs.offer('sched', run?.key ?? '');
    expect((await runOf('failed')).reason).toMatch(/names a file of this machine/u);
    await worker.kill('SIGTERM');
  });

  it('that was stored and is missing ends the run with the reason, which is told', async () => {
    const lists = new ScheduleLists(fleet.redis, fleet.keys);
    await lists.store('sched', new Map([['aa', Buffer.from('id\n1\n')]]));
    const spec = listed('ids.csv');
    const sources = spec.crawl.sources.map((source) => ({
      ...source,
      path: 'stored:sched/aa/ids.csv',
    }));
    const worker = await fleet.worker();
    const notify = [{ url: `${origin.url}/told`, on: ['failed-to-start'] as const }];
    await add({ ...spec, crawl: { ...spec.crawl, sources, notify } });
    expect(await fleet.finished(await runNow())).toMatchObject({ ok: 1 });
    await fleet.redis.del(fleet.keys.scheduleList('sched', 'aa'));
    await runNow();
    expect((await runOf('failed')).reason).toMatch(/not kept any more/u);
    await eventually(() => origin.arrivalsOf('/told').length === 1);
    await worker.kill('SIGTERM');
  });
});
