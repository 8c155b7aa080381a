import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import {
  BatchRemoval,
  connectRedis,
  fleetKeys,
  Ledger,
  ScheduleBatches,
  ScheduleStore,
} from '@fetchfleet/fleet';
import { FileSink, FolderStore } from '@fetchfleet/results';
import { Beat, createLogger } from '@fetchfleet/service';
import { closeAfterEach, redisUrl, temporaryFolder, track, trackRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Retention } from '../../src/schedule/retention.ts';

closeAfterEach();

async function startFleet() {
  const redis = await connectRedis(redisUrl());
  const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
  trackRedis(redis, `Redis connection of ${keys.home.queuePrefix}`);
  const ledger = new Ledger(redis, keys);
  const schedules = new ScheduleStore(redis, keys);
  const removal = new BatchRemoval(redis, keys);
  const crawl = parseCrawlFile('url: http://a.example/{n}\nparams: { n: [1] }\n', 'daily.yaml');
  const terms = { source: '', cron: '@daily', tz: 'UTC', overlap: 'allow', catchUpMs: 0 } as const;
  await schedules.put('daily', { crawl, ...terms, keep: { batches: 1 } });

  const startWorker = async (path: string) => {
    const ended: string[] = [];
    const store = new FolderStore(path);
    const sink = new FileSink({
      dir: path,
      worker: 'w',
      manifest: async (batch) => ({
        batch,
        name: 'daily',
        total: 1,
        params: ['n'],
        url: 'http://a.example/{n}',
        createdAt: new Date().toISOString(),
      }),
    });
    await sink.start();
    const retention = new Retention({
      batches: new ScheduleBatches(redis, ledger, keys),
      every: new Beat().every,
      ledger,
      removal,
      store,
      sink,
      isConnected: () => true,
      onEnded: (result) => ended.push(result),
      log: createLogger({ name: 'test', level: 'silent', pretty: false }),
      onError: (error) => {
        throw error;
      },
    });
    /** Records one fetch of a batch here, as a worker does. */
    const record = async (batch: string): Promise<void> => {
      await ledger.open(batch, path, { place: `host:${path}`, id: sink.id ?? '' });
      await sink.append(batch, ['{}']);
    };
    const check = async (): Promise<void> => {
      const schedule = await schedules.get('daily');
      if (schedule !== undefined) {
        await retention.check(schedule);
      }
    };
    track({ what: `sink in ${path}`, isOpen: () => true, close: async () => sink.stop() });
    const has = async (batch: string): Promise<boolean> => (await readdir(path)).includes(batch);
    return { retention, check, record, has, ended, stop: async () => sink.stop() };
  };

  /** A run of the schedule that is recorded in these folders, and finished. */
  const run = async (
    workers: readonly { readonly record: (batch: string) => Promise<void> }[],
    { finishes = true, refersTo }: { finishes?: boolean; refersTo?: string } = {},
  ): Promise<string> => {
    const decision = await schedules.runNow('daily');
    const id = decision?.batch ?? '';
    const rest = { total: 1, sliceSize: 1, source: id, fingerprint: id, schedule: 'daily' };
    const comparison = refersTo === undefined ? {} : { batch: refersTo, refersTo: [refersTo] };
    const plan = { ...crawl.plan, ...(refersTo !== undefined && { comparedWith: comparison }) };
    await ledger.register({ id, crawl: { ...crawl, plan } as typeof crawl, ...rest });
    await ledger.expanded(id);
    await schedules.conclude('daily', decision?.key ?? '', { state: 'started' });
    for (const worker of workers) {
      await worker.record(id);
    }
    if (finishes) {
      await ledger.settle(id, [{ index: 0, outcome: 'ok', durationMs: 1, bytes: 1 }]);
    }
    return id;
  };
  return { ledger, schedules, removal, startWorker, run, redis, keys };
}

describe('the retention of a schedule', () => {
  it('removes what it does not keep, and its runs say how that ended', async () => {
    const { path } = await temporaryFolder();
    const fleet = await startFleet();
    const worker = await fleet.startWorker(path);
    const old = await fleet.run([worker]);
    const unfinished = await fleet.run([worker], { finishes: false });
    const last = await fleet.run([worker]);
    await worker.check();
    expect([await worker.has(old), await worker.has(unfinished), await worker.has(last)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(await fleet.ledger.batches()).not.toContain(old);
    expect(await fleet.removal.unfinished()).toEqual(new Map());
    expect(await fleet.removal.waiting()).toBe(0);
    expect(worker.ended).toEqual(['removed']);
    const runs = (await fleet.schedules.get('daily'))?.runs;
    expect(runs?.find(({ batch }) => batch === old)?.ended).toMatchObject({ state: 'finished' });
    // Nobody does anything a second time.
    await worker.check();
    await worker.retention.sweep();
    expect(worker.ended).toEqual(['removed']);
  });

  it('keeps a batch that has bodies of records which stay', async () => {
    const { path } = await temporaryFolder();
    const fleet = await startFleet();
    const worker = await fleet.startWorker(path);
    const body = await fleet.run([worker]);
    const between = await fleet.run([worker]);
    const last = await fleet.run([worker], { refersTo: body });
    await worker.check();
    const has = async (): Promise<boolean[]> =>
      Promise.all([body, between, last].map(async (batch) => worker.has(batch)));
    expect(await has()).toEqual([true, false, true]);
    // The next one refers to nothing.
    await fleet.run([worker]);
    await worker.check();
    expect(await has()).toEqual([false, false, false]);
  });

  it('has each folder cleaned by a worker that has it, and notes what is left', async () => {
    const [{ path: one }, { path: other }] = [await temporaryFolder(), await temporaryFolder()];
    const fleet = await startFleet();
    const workers = [await fleet.startWorker(one), await fleet.startWorker(other)] as const;
    const old = await fleet.run(workers);
    await fleet.run(workers);
    await workers[0].check();
    expect([await workers[0].has(old), await workers[1].has(old)]).toEqual([false, true]);
    // `prune` shows it as interrupted, and completes it.
    expect([...(await fleet.removal.unfinished()).keys()]).toEqual([old]);
    expect(await fleet.removal.waiting()).toBe(1);
    await workers[1].retention.sweep();
    expect(await workers[1].has(old)).toBe(false);
    expect(await fleet.removal.unfinished()).toEqual(new Map());
    expect(await fleet.removal.waiting()).toBe(0);
  });

  it('tries again while the folder is another one, or refuses', async () => {
    const { path } = await temporaryFolder();
    const results = join(path, 'results');
    const fleet = await startFleet();
    const worker = await fleet.startWorker(results);
    const old = await fleet.run([worker]);
    await fleet.run([worker]);
    await rename(results, join(path, 'away'));
    await mkdir(join(results, old), { recursive: true });
    await writeFile(join(results, '.fetchfleet-results'), 'another\n');
    await worker.check();
    expect(worker.ended).toEqual(['failed']);
    expect(await readdir(results)).toContain(old);
    expect(await fleet.removal.waiting()).toBe(1);
    await rename(results, join(path, 'other'));
    await rename(join(path, 'away'), results);
    await worker.retention.sweep();
    expect(worker.ended).toEqual(['failed', 'removed']);
    expect(await worker.has(old)).toBe(false);
    expect(await fleet.removal.waiting()).toBe(0);
  });

  it('touches no batch that somebody has retried, and none by a note alone', async () => {
    const { path } = await temporaryFolder();
    const fleet = await startFleet();
    const worker = await fleet.startWorker(path);
    const old = await fleet.run([worker]);
    const [folder = ''] = await fleet.ledger.folders(old);
    // The worker that decided it died before the batch left the ledger.
    await fleet.redis.hset(fleet.keys.home.folderRemovals, `${old}|${folder}`, '{}');
    await worker.retention.sweep();
    expect(await worker.has(old)).toBe(true);
    await fleet.ledger.unsettle(old, [0]);
    const note = { folders: [folder], schedule: 'daily', results: [path] };
    expect(await fleet.removal.beginInFolders(old, note)).toBe(false);
    expect(await fleet.removal.waiting()).toBe(0);
    await worker.retention.sweep();
    expect(await worker.has(old)).toBe(true);
  });
});
