import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Ledger, SliceQueue } from '@fetchfleet/fleet';
import {
  binaryPath,
  eventually,
  installLeakGuard,
  type Origin,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { crawlFile, type Project } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
let project: Project;
let origin: Origin;
let redis: Redis;
let ledger: Ledger;
let queue: SliceQueue;

beforeEach(async () => {
  fleet = await FleetProject.create();
  ({ project, origin, redis, ledger, queue } = fleet);
});

afterEach(async () => fleet.remove());

installLeakGuard();

describe('a batch for the fleet', () => {
  it('prints its id when it is enqueued, and its document with --wait --json', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 100));
    const worker = await fleet.worker();
    const [quick, waited] = await Promise.all([
      project.call(['start', 'crawl.yaml']),
      project.call(['start', 'crawl.yaml', '--new', '--wait', '--json']),
    ]);
    expect(quick).toMatchObject({ code: 0, stdout: expect.stringMatching(/^test-\S+\n$/u) });
    expect(waited.code).toBe(0);
    expect(JSON.parse(waited.stdout)).toMatchObject({ state: 'finished', total: 100, ok: 100 });
    const id = quick.stdout.trim();
    const watched = await project.call(['status', id, '--watch', '--json']);
    expect(watched.code).toBe(0);
    expect(JSON.parse(watched.stdout)).toMatchObject({
      batch: id,
      state: 'finished',
      results: project.path('results'),
    });
    const all = await project.call(['status']);
    expect(all.stdout.match(/finished +100\/100/gu)).toHaveLength(2);
    await worker.kill('SIGTERM');
  });

  it.each([
    { how: 'finds no room', to: '> /dev/full', code: 3 },
    { how: 'and messages find no room', to: '> /dev/full 2>&1', code: 3 },
    { how: 'has no reader', to: '2>&1 | true', code: 0 },
  ])('is enqueued as a whole where the output $how', async ({ to, code }) => {
    await project.write('crawl.yaml', crawlFile('https://a.example', 5_000));
    const script = `{ "$0" "$@"; echo $? > code; } ${to}`;
    const program = [process.execPath, binaryPath('fetchfleet')];
    const running = await project.start(['-c', script, ...program, 'start', 'crawl.yaml'], {
      command: 'sh',
    });
    await running.exit;
    expect(await readFile(project.path('code'), 'utf8')).toBe(`${code}\n`);
    const [batch = ''] = await ledger.batches();
    expect(await ledger.status(batch)).toMatchObject({ state: 'running', total: 5_000 });
    expect(await queue.counts()).toMatchObject({ waiting: 100 });
  });

  it('keeps its exit status where nobody reads its messages', async () => {
    const script = '{ "$0" "$@"; echo $? > code; } 2>&1 | true';
    const program = [process.execPath, binaryPath('fetchfleet')];
    const running = await project.start(['-c', script, ...program, 'start', 'none.yaml'], {
      command: 'sh',
    });
    await running.exit;
    expect(await readFile(project.path('code'), 'utf8')).toBe('2\n');
  });

  it('is checked with --ask-workers for what keeps the fleet from fetching it', async () => {
    const headers = 'headers: { x-key: "${env:NOBODYS_KEY}" }';
    await project.write('crawl.yaml', crawlFile(origin.url, 1, headers));
    const check = ['validate', 'crawl.yaml', '--ask-workers'];
    expect(await project.call(check)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('no worker is running on this Redis'),
    });
    const worker = await fleet.worker();
    const { workerProblems } = (await fleet.json(...check)).document;
    expect(workerProblems).toEqual([
      expect.stringContaining('no running worker may send NOBODYS_KEY: start workers with'),
    ]);
    expect((await fleet.json('validate', 'crawl.yaml')).document.workerProblems).toBeNull();
    await worker.kill('SIGTERM');
  });

  it('has only the fetches of --limit or --sample, also after it was cancelled', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 100));
    const [first, spread] = await Promise.all([
      project.call(['start', 'crawl.yaml', '-n', '3']),
      project.call(['start', 'crawl.yaml', '--sample', '3']),
    ]);
    const few = first.stdout.trim();
    const some = spread.stdout.trim();
    await project.call(['cancel', some]);
    await project.call(['resume', some]);
    const worker = await fleet.worker();
    for (const id of [few, some]) {
      expect((await project.call(['status', id, '--watch'])).code).toBe(0);
    }
    const pathsOf = async (id: string) =>
      (await fleet.exported(id)).records.map(({ index, url }) => [index, new URL(url).pathname]);
    expect(await pathsOf(few)).toEqual([
      [0, '/echo/1'],
      [1, '/echo/2'],
      [2, '/echo/3'],
    ]);
    expect(await pathsOf(some)).toEqual([
      [0, '/echo/1'],
      [1, '/echo/50'],
      [2, '/echo/100'],
    ]);
    await worker.kill('SIGTERM');
  });

  it('is completed, not doubled, after its producer was killed during the expansion', async () => {
    const total = 300_000;
    await project.write('crawl.yaml', crawlFile('https://a.example', total));
    const first = await project.start(['start', 'crawl.yaml']);
    await eventually(async () => ((await queue.counts())['waiting'] ?? 0) > 500, { intervalMs: 5 });
    await first.kill('SIGKILL');
    const id = first.stdout.trim();
    expect(await ledger.state(id)).toBe('expanding');
    const second = await project.call(['start', 'crawl.yaml']);
    expect(second).toMatchObject({ code: 0, stdout: `${id}\n` });
    expect(await ledger.batches()).toEqual([id]);
    expect(await ledger.state(id)).toBe('running');
    expect(await queue.counts()).toMatchObject({ waiting: total / 50 });
  });

  it.each([
    { end: 'cancelled', commands: ['cancel'], code: 130, says: /was cancelled while/u },
    { end: 'removed', commands: ['cancel', 'prune'], code: 1, says: /was removed while/u },
  ])('that is $end while its producer is suspended leaves no slice', async (when) => {
    await project.write('crawl.yaml', crawlFile('https://a.example', 600_000));
    const producer = await project.start(['start', 'crawl.yaml']);
    await eventually(async () => ((await queue.counts())['waiting'] ?? 0) > 500, { intervalMs: 5 });
    producer.signal('SIGSTOP');
    const id = producer.stdout.trim();
    for (const command of when.commands) {
      const yes = command === 'prune' ? ['--yes'] : [];
      expect(await project.call([command, id, ...yes])).toMatchObject({ code: 0 });
    }
    producer.signal('SIGCONT');
    expect(await producer.exit).toMatchObject({ code: when.code });
    expect(producer.stderr).toMatch(when.says);
    expect(producer.stderr).not.toContain('Enqueued');
    expect(await queue.counts()).toMatchObject({ waiting: 0, delayed: 0, failed: 0 });
    expect(await redis.keys(`*${fleet.name}*slices:${id}*`)).toEqual([]);
  });

  it('stops when it is cancelled, and fetches what is missing when it is resumed', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 300));
    const started = await project.call(['start', 'crawl.yaml']);
    expect(started.stderr).toContain('no worker is running');
    const id = started.stdout.trim();
    const done = [0, 1, 2, 7, 299].map((index) => ({
      index,
      outcome: 'ok' as const,
      durationMs: 1,
      bytes: 1,
    }));
    await ledger.settle(id, done);
    const cancelled = await project.call(['cancel', id, '--json']);
    expect(JSON.parse(cancelled.stdout)).toMatchObject({ state: 'cancelled', settled: 5 });
    const worker = await fleet.worker();
    await eventually(async () => (await queue.counts())['waiting'] === 0);
    const resumed = await project.call(['resume', id]);
    expect(resumed.code).toBe(0);
    const watched = await project.call(['status', id, '--watch', '--json']);
    expect(JSON.parse(watched.stdout)).toMatchObject({ state: 'finished', ok: 300 });
    expect(origin.arrivals).toHaveLength(295);
    await worker.kill('SIGTERM');
  });

  it('is completed by a run of the same crawl after its slices were lost', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 40));
    const id = (await project.call(['start', 'crawl.yaml'])).stdout.trim();
    await ledger.settle(id, [{ index: 3, outcome: 'ok', durationMs: 1, bytes: 1 }]);
    const lost = await redis.keys(`{${project.env['FETCHFLEET_FLEET'] ?? ''}}:slices:*`);
    await redis.del(...lost);
    const run = await project.run(['run', 'crawl.yaml', '--workers', '1', '--json']);
    expect(run.stderr).toContain(`Continuing batch ${id}: 1 of 40 are done`);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ batch: id, state: 'finished', ok: 40 });
    expect(origin.arrivals).toHaveLength(39);
  });

  it('cannot be resumed if its lists have changed', async () => {
    const text = crawlFile(origin.url, 1).replace('{ from: 1, to: 1 }', '{ file: ids.txt }');
    await project.write('ids.txt', '1\n2\n');
    await project.write('crawl.yaml', text);
    const id = (await project.call(['start', 'crawl.yaml'])).stdout.trim();
    await project.write('ids.txt', '1\n3\n');
    const resumed = await project.call(['resume', id]);
    expect(resumed.stderr).toMatch(/lists have changed.*ids\.txt/u);
    expect(resumed.code).toBe(2);
  });

  it('is resumed with list files from elsewhere only if that is asked for', async () => {
    const elsewhere = await temporaryFolder('lists');
    await writeFile(join(elsewhere.path, 'ids.csv'), 'id,x\n1,a\n2,b\n');
    const rows = `rows: { file: ${elsewhere.path}/ids.csv, columns: { n: id } }`;
    const text = crawlFile(origin.url, 1).replace(/params: .*/u, rows);
    await project.write('crawl.yaml', text);
    const id = (await project.call(['start', 'crawl.yaml'])).stdout.trim();
    const [refused, trusted] = await Promise.all([
      project.call(['resume', id]),
      project.call(['resume', id, '--trust-lists']),
    ]);
    expect([refused.code, trusted.code]).toEqual([2, 0]);
    expect(refused.stderr).toMatch(/Redis names list files.*ids\.csv.*--trust-lists/u);
    await elsewhere.remove();
  });

  it('is enqueued without a secret, with a warning that names the secret', async () => {
    const headers = 'headers: { authorization: "Bearer ${env:PRODUCER_TEST_TOKEN}" }';
    await project.write('crawl.yaml', crawlFile(origin.url, 3, headers));
    const started = await project.call(['start', 'crawl.yaml', '--json']);
    expect(started.stderr).toContain('PRODUCER_TEST_TOKEN is not set here');
    expect(JSON.parse(started.stdout)).toMatchObject({ state: 'running', total: 3, settled: 0 });
  });

  it('ends --wait with exit 3 when Redis goes away', async () => {
    const own = await startRedis();
    await project.write('crawl.yaml', crawlFile(origin.url, 3));
    const env = { REDIS_URL: own.url };
    const waiting = await project.start(['start', 'crawl.yaml', '--wait'], { env });
    await waiting.waitForLine(/^test-/u);
    await own.kill();
    expect(await waiting.exit).toMatchObject({ code: 3 });
    expect(waiting.stderr).toContain('Redis has not answered for 10 s');
    await own.dispose();
  });
});
