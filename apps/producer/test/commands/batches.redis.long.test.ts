import { access, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fleetKeys } from '@fetchfleet/fleet';
import {
  eventually,
  installLeakGuard,
  repositoryRoot,
  startProcess,
  startTinyproxy,
} from '@fetchfleet/testing';
import { crawlFile, type Project } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

const DAY_MS = 86_400_000;

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

/** Creates a batch with one fetch that ended `days` ago, without a worker. */
async function oldBatch(id: string, state: string, days: number): Promise<void> {
  const crawl = await fleet.ledger.crawl(await template());
  if (crawl === undefined) {
    throw new Error('no crawl');
  }
  await fleet.ledger.register({
    id,
    crawl,
    total: 1,
    sliceSize: 1,
    source: 'x.yaml',
    fingerprint: id,
  });
  const at = String(Date.now() - days * DAY_MS);
  const ends = { finished: 'finishedAt', cancelled: 'cancelledAt' };
  const end = Object.entries(ends).find(([name]) => name === state)?.[1];
  const fields = ['state', state, 'createdAt', at, ...(end === undefined ? [] : [end, at])];
  await fleet.redis.hset(fleetKeys(fleet.name).batch(id), ...fields);
}

let known: string | undefined;

async function template(): Promise<string> {
  if (known === undefined || (await fleet.ledger.state(known)) === undefined) {
    known = await fleet.enqueue(crawlFile(fleet.origin.url, 1));
  }
  return known;
}

describe('fetchfleet workers', () => {
  it('lists running workers with their load, and killed ones', async () => {
    fleet.origin.respond(/^\/echo/u, async () => new Promise(() => undefined));
    const proxy = await startTinyproxy();
    const [one, other] = await Promise.all([
      fleet.worker(['--concurrency', '7', '--transport', 'got', '--proxy', proxy.url]),
      fleet.worker(['--concurrency', '5', '--transport', 'native']),
    ]);
    const id = await fleet.enqueue(crawlFile(fleet.origin.url, 1_000));
    await eventually(() => fleet.origin.inFlight === 12);
    // Each look starts a process.
    const rarely = { intervalMs: 500 };
    await eventually(async () => {
      const { document } = await fleet.json('workers');
      const inFlight = document.workers.map((worker: { inFlight: number }) => worker.inFlight);
      expect(inFlight.toSorted()).toEqual([5, 7]);
      const found = document.workers.find(({ pid }: { pid: number }) => pid === one.pid);
      expect(found).toMatchObject({
        state: 'working',
        concurrency: 7,
        inFlight: 7,
        transport: 'got',
        proxy: `127.0.0.1:${proxy.port}`,
        batches: [id],
        roles: expect.arrayContaining(['fetch']),
        metricsUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/u),
      });
    }, rarely);
    const shown = await fleet.project.call(['workers']);
    expect(shown.stdout).toContain('7/7');
    expect(shown.stdout).toMatch(/^worker .* proxy +batches$/mu);
    expect(shown.stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${proxy.port} +${id}$`, 'mu'));
    expect(shown.stderr).toContain('2 workers, 12 of 12 fetches in flight');
    await other.kill('SIGKILL');
    const keys = fleetKeys(fleet.name);
    const { document } = await fleet.json('workers');
    const dead = document.workers.find(({ pid }: { pid: number }) => pid === other.pid);
    const [now] = await fleet.redis.time();
    await fleet.redis.zadd(keys.workers, Number(now) - 60, String(dead.id));
    const after = await fleet.project.call(['workers']);
    expect(after.stdout).toMatch(/gone since \d\d:\d\d:\d\dZ/u);
    expect(after.stderr).toContain('1 worker, 7 of 7');
    await fleet.json('cancel', id);
    await one.kill('SIGTERM');
    await proxy.stop();
    const none = await fleet.json('workers');
    expect(none.document.workers.map(({ state }: { state: string }) => state)).toEqual(['gone']);
  });
});

describe('fetchfleet batches', () => {
  it('lists the newest batches with age and outcome, by state and up to a limit', async () => {
    await oldBatch('a-finished', 'finished', 3);
    await oldBatch('b-cancelled', 'cancelled', 2);
    await oldBatch('c-running', 'running', 1);
    const shown = await fleet.project.call(['batches']);
    expect(shown.code).toBe(0);
    const [header, newest] = shown.stdout.split('\n');
    expect(header).toMatch(/^batch +state +age +done +outcome$/u);
    expect(newest).toMatch(/^c-running +running +1 d +0\/1 \(0%\) +–$/u);
    const ended = await fleet.json('batches', '--state', 'finished,cancelled', '--limit', '1');
    expect(ended.document).toMatchObject({ batches: [{ batch: 'b-cancelled' }], more: 1 });
    const cut = await fleet.project.call(['batches', '--limit', '1']);
    expect(cut.stderr).toContain('3 older batches not shown');
    const wrong = await fleet.project.call(['batches', '--limit', '0', '--state', 'done']);
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toMatch(/--state: "done"[^]*--limit: "0"/u);
  });
});

describe('fetchfleet failures', () => {
  it('groups all failures of the ledger by origin and reason, with examples', async () => {
    const { origin } = fleet;
    origin.respond(/^\/echo\/\d*[05]$/u, { status: 404, body: '{"nothing": "here"}' });
    origin.respond(/^\/echo\/\d*7$/u, (_, response) => void response.destroy());
    const worker = await fleet.worker();
    const id = await fleet.enqueue(crawlFile(origin.url, 200, 'retry: { attempts: 1 }'));
    await fleet.json('status', id, '--watch');
    const found = await fleet.json('failures', id);
    expect(found).toMatchObject({ code: 0, stderr: '' });
    expect(found.document).toMatchObject({
      batch: id,
      failed: 60,
      found: 60,
      groups: [
        { origin: origin.url, outcome: 'http-error', reason: 'HTTP 404', count: 40 },
        { origin: origin.url, outcome: 'network-error', count: 20 },
      ],
    });
    const [first] = found.document.groups as { example: { url: string } }[];
    expect(first?.example.url).toMatch(/\/echo\/\d*[05]$/u);
    const text = await fleet.project.call(['failures', id, '--limit', '1']);
    expect(text.stdout).toMatch(/^40 +http:\S+ +http-error +HTTP 404\n +e\.g\. #\d+ http:/u);
    expect(text.stderr).toContain('1 more group; show more with --limit');
    const list = await fleet.project.call(['failures', id, '--list']);
    const indexes = [...list.stdout.matchAll(/^#(\d+) /gmu)].map(([, index]) => Number(index));
    expect([list.code, list.stderr, indexes.length]).toEqual([0, '', 60]);
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
    expect(list.stdout).toContain(`#4  http-error  HTTP 404  ${origin.url}/echo/5\n`);
    const filters = ['--status', '400-499', '--index', '0-20', '--origin', `${origin.url}/`];
    const some = await fleet.project.call(['failures', id, '--list', '--json', ...filters]);
    const documents = some.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(documents.map(({ index }) => index)).toEqual([4, 9, 14, 19]);
    expect(documents[0]).toEqual({
      index: 4,
      url: `${origin.url}/echo/5`,
      outcome: 'http-error',
      reason: 'HTTP 404',
      status: 404,
      message: 'the origin answered 404',
    });
    const few = await fleet.project.call(['failures', id, '--list', '-n', '2']);
    expect(few.stdout.split('\n')).toHaveLength(3);
    expect(few).toMatchObject({ code: 0, stderr: expect.stringContaining('--limit') });
    const grouped = await fleet.json('failures', id, '--outcome', 'network-error');
    expect(grouped).toMatchObject({ stderr: '', document: { failed: 60, found: 20 } });
    const none = await fleet.project.call(['failures', id, '--status', '500']);
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/No fetch/u) });
    const elsewhere = await fleet.project.call(['failures', id, '--results', 'elsewhere']);
    expect(elsewhere).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('name the place with --results'),
    });
    origin.respond(/^\/echo/u, { body: '{}' });
    origin.forget();
    const chosen = ['--status', '404', '--origin', origin.url, '--index', '0-20', '--wait'];
    const retried = await fleet.json('retry', id, ...chosen);
    expect(retried).toMatchObject({ code: 1, document: { state: 'finished', failed: 56 } });
    expect(retried.stderr).toContain('Retrying 4 fetches');
    expect(origin.arrivals.map(({ path }) => path).toSorted()).toEqual([
      '/echo/10',
      '/echo/15',
      '/echo/20',
      '/echo/5',
    ]);
    const seventh = await fleet.json('retry', id, '--index', '6,7,4', '--wait');
    expect(seventh.stderr).toContain('Retrying 1 fetch ');
    const nothing = await fleet.json('retry', id, '--index', '4-6', '--status', '404');
    expect(nothing).toMatchObject({ code: 0, document: { state: 'finished', failed: 55 } });
    expect(nothing.stderr).toContain('there is nothing to retry');
    await fleet.json('retry', id, '--outcome', 'http-error', '--wait');
    const link = fleet.project.path('results', id, 'part-w-9-1.ndjson');
    await symlink('/dev/zero', link);
    const rest = await fleet.json('failures', id);
    expect(rest).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${link} is a symbolic`),
    });
    expect(rest.document).toMatchObject({ failed: 19, found: 19, groups: [{ count: 19 }] });
    await worker.kill('SIGTERM');
  });
});

describe('fetchfleet prune', () => {
  it('removes nothing if the question is answered with Ctrl-D', async () => {
    await oldBatch('old', 'finished', 40);
    const main = `${repositoryRoot}/apps/producer/dist/main.js`;
    const command = `'${process.execPath}' '${main}' prune --older-than 30d`;
    // A terminal of its own, in which Ctrl-D is typed when the question is there.
    const typed = `until grep -qs 'y/N' shown; do sleep 0.05; done; printf '\\004'; cat`;
    const asked = await startProcess(
      'bash',
      ['-c', `(${typed}) | script -qfec "$0" shown`, command],
      {
        cwd: fleet.project.folder.path,
        env: fleet.project.env,
      },
    );
    expect(await asked.exit).toMatchObject({ code: 0 });
    expect(asked.stdout).toMatch(/\[y\/N\] [^]*Nothing was removed/u);
    expect(await fleet.ledger.status('old')).toBeDefined();
  });

  it('removes ledger, queue and results of old batches, and nothing else', async () => {
    const { project } = fleet;
    const worker = await fleet.worker();
    const old = await fleet.enqueue(crawlFile(fleet.origin.url, 30));
    const young = await fleet.enqueue(crawlFile(fleet.origin.url, 30));
    for (const id of [old, young]) {
      await fleet.json('status', id, '--watch');
    }
    await worker.kill('SIGTERM');
    const keys = fleetKeys(fleet.name);
    const before = String(Date.now() - 40 * DAY_MS);
    await fleet.redis.hset(keys.batch(old), 'finishedAt', before);
    await oldBatch('was-cancelled', 'cancelled', 31);
    for (const state of ['running', 'paused', 'expanding']) {
      await oldBatch(state, state, 99);
    }
    const list = ['prune', '--older-than', '30d'];

    const looked = await fleet.json(...list, '--dry-run');
    expect(looked.code).toBe(0);
    expect(looked.document).toMatchObject({
      dryRun: true,
      batches: [{ batch: old, state: 'finished', fetches: 30 }, { batch: 'was-cancelled' }],
    });
    expect(looked.document.bytes).toBeGreaterThan(1_000);
    const silent = await project.run(list);
    expect(silent).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await batchFolders(project)).toHaveLength(2);

    const pruned = await fleet.json(...list, '--yes');
    expect(pruned.code).toBe(0);
    expect(await batchFolders(project)).toEqual([young]);
    const left = await fleet.json('batches', '--limit', '100');
    const ids = left.document.batches.map(({ batch }: { batch: string }) => batch);
    expect(ids).toEqual(expect.arrayContaining([young, 'running', 'paused', 'expanding']));
    expect(ids).not.toContain(old);
    expect(await fleet.redis.keys(`*${old}*`)).toEqual([]);
    const again = await fleet.json(...list, '--yes');
    expect(again).toMatchObject({ code: 0, document: { batches: [], bytes: 0 } });
  });

  it('completes an interrupted removal, and removes orphans only on request', async () => {
    const { project } = fleet;
    const worker = await fleet.worker();
    const id = await fleet.enqueue(crawlFile(fleet.origin.url, 10));
    await fleet.json('status', id, '--watch');
    await worker.kill('SIGTERM');
    const keys = fleetKeys(fleet.name);
    // The state after a prune was killed in its first step.
    await fleet.redis.unlink(keys.batch(id), keys.settled(id));
    await fleet.redis.zrem(keys.home.batches, id);
    const young = await fleet.json('prune', '--older-than', '1h', '--orphans', '--yes');
    expect(young.document).toMatchObject({ batches: [] });
    const folder = project.path('results', id);
    const long = new Date(Date.now() - 40 * DAY_MS);
    for (const name of await readdir(folder)) {
      await utimes(`${folder}/${name}`, long, long);
    }
    await utimes(folder, long, long);
    const kept = await fleet.json('prune', '--older-than', '30d', '--yes');
    expect(kept.stderr).toContain('--orphans');
    await access(folder);
    await fleet.redis.hset(keys.home.removals, id, project.path('results'));
    const completed = await fleet.json('prune', '--older-than', '30d', '--yes');
    expect(completed.document).toMatchObject({ batches: [{ batch: id, state: 'interrupted' }] });
    expect(await batchFolders(project)).toEqual([]);
    expect(await fleet.redis.exists(keys.home.removals)).toBe(0);
  });

  it.each([
    { when: 'goes on later', signal: 'SIGSTOP' },
    { when: 'was killed', signal: 'SIGKILL' },
  ] as const)('leaves no slice to a worker that has some and $when', async ({ signal }) => {
    fleet.origin.respond(/^\/echo/u, async () => new Promise(() => undefined));
    const worker = await fleet.worker();
    const id = await fleet.enqueue(crawlFile(fleet.origin.url, 1_000));
    await eventually(() => fleet.origin.inFlight > 0);
    worker.signal(signal);
    await fleet.json('cancel', id);
    expect(await fleet.json('prune', id, '--yes')).toMatchObject({ code: 0 });
    expect(await fleet.redis.keys(`{${fleet.name}}:slices:${id}.*`)).not.toEqual([]);
    worker.signal('SIGCONT');
    const next = signal === 'SIGSTOP' ? worker : await fleet.worker();
    await next.waitForLine(/batch is not in the ledger any more/u);
    await eventually(async () => {
      expect(await fleet.redis.keys(`*{${fleet.name}}*${id}*`)).toEqual([]);
    });
    expect(await fleet.queue.counts()).toMatchObject({ active: 0, waiting: 0, failed: 0 });
  });

  it('removes rejected slices of batches that are gone, and of no other', async () => {
    const living = await fleet.enqueue(crawlFile(fleet.origin.url, 10));
    const { queue } = fleetKeys(fleet.name).home;
    const [one, other] = ['gone-20261123-0017-k3f8', 'gone-20261123-0017-k3f9'];
    // As a worker of version 0.1 leaves them.
    for (const id of [`${living}.0`, `${one}.0`, `${one}.50-3`, `${other}.0`]) {
      await fleet.redis.hset(queue(id), 'data', '{}');
      await fleet.redis.zadd(queue('failed'), 1, id);
    }
    await fleet.redis.zadd(queue('failed'), 1, 'of another program');
    const named = await fleet.json('prune', one ?? '', '--yes');
    expect(named).toMatchObject({ code: 0, document: { batches: [{ state: 'interrupted' }] } });
    const failed = async (): Promise<string[]> => fleet.redis.zrange(queue('failed'), 0, '-1');
    const kept = [`${living}.0`, 'of another program'];
    expect((await failed()).toSorted()).toEqual([...kept, `${other}.0`].toSorted());
    const old = await fleet.json('prune', '--older-than', '30d', '--yes');
    expect(old.document).toMatchObject({ batches: [{ batch: other, state: 'interrupted' }] });
    expect((await failed()).toSorted()).toEqual(kept.toSorted());
    expect(await fleet.redis.keys(`*gone-20261123*`)).toEqual([]);
    expect(await fleet.json('prune', one ?? '', '--yes')).toMatchObject({ code: 2 });
  });

  it('removes results only where --results says, and with --trust-folders where workers wrote', async () => {
    const { project } = fleet;
    await oldBatch('named', 'finished', 40);
    await oldBatch('reported', 'finished', 40);
    const places = ['results', 'a', 'b'].flatMap((dir) =>
      ['named', 'reported'].map((id) => project.path(dir, id)),
    );
    await Promise.all(places.map(async (place) => mkdir(place, { recursive: true })));
    for (const id of ['named', 'reported']) {
      const batch = fleetKeys(fleet.name).batch(id);
      await fleet.redis.hset(
        batch,
        'results',
        project.path('a'),
        `results:${project.path('b')}`,
        '1',
      );
    }
    const own = ['prune', '--older-than', '30d', '--yes'];
    const named = await fleet.json(...own, '--results', 'results', '--results', 'b');
    expect(named.document.batches.map((one: { results: string }) => one.results)).toEqual(
      [1, 2].map(() => project.path('results')),
    );
    expect(await batchFolders(project)).toEqual([]);
    expect(await readdir(project.path('b'))).toEqual([]);
    expect(await readdir(project.path('a'))).toHaveLength(2);
    await oldBatch('again', 'finished', 40);
    await Promise.all(['a', 'b'].map(async (dir) => mkdir(project.path(dir, 'again'))));
    const batch = fleetKeys(fleet.name).batch('again');
    await fleet.redis.hset(
      batch,
      'results',
      project.path('a'),
      `results:${project.path('b')}`,
      '1',
    );
    const untouched = await fleet.json('prune', '--older-than', '30d', '--dry-run');
    expect(untouched.stderr).toContain('--trust-folders');
    expect(untouched.document).toMatchObject({ batches: [{ batch: 'again', resultsFolders: [] }] });
    const reported = await fleet.json(...own, '--trust-folders');
    expect(reported.document).toMatchObject({
      batches: [{ batch: 'again', resultsFolders: [project.path('a'), project.path('b')] }],
    });
    expect(await readdir(project.path('b'))).toEqual([]);
  });

  it('removes nothing that is not ours, whatever Redis says', async () => {
    const { project } = fleet;
    const keys = fleetKeys(fleet.name);
    const folders = [
      'victim/documents',
      'results/photos',
      'results/mixed',
      'results/endless',
      'elsewhere/linked',
    ];
    for (const folder of folders) {
      await mkdir(project.path(folder), { recursive: true });
      await writeFile(project.path(folder, 'mine.txt'), 'mine');
    }
    const manifest = { batch: 'mixed', name: 'm', total: 1, params: [], url: '', createdAt: '' };
    await writeFile(project.path('results/mixed/batch.json'), JSON.stringify(manifest));
    await writeFile(project.path('results/mixed/part-w-1-1.ndjson'), '{}');
    await symlink(project.path('elsewhere/linked'), project.path('results/linked'));
    await symlink('/dev/zero', project.path('results/endless/batch.json'));
    await symlink('/dev/zero', project.path('results/mixed/part-w-2-1.ndjson'));
    for (const id of ['photos', 'mixed', 'endless', 'linked']) {
      await oldBatch(id, 'finished', 40);
    }
    await fleet.redis.hset(
      keys.home.removals,
      'documents',
      project.path('victim'),
      '../victim/documents',
      '',
    );
    await fleet.redis.zadd(keys.home.batches, Date.now(), '../../x');
    const pruned = await fleet.json('prune', '--older-than', '30d', '--yes', '--trust-folders');
    expect(pruned.code).toBe(0);
    expect(pruned.stderr).toMatch(/"\.\.\/\.\.\/x" is not a batch id/u);
    expect(pruned.stderr).toMatch(/endless was kept: \S+batch\.json is a symbolic link/u);
    const left = await Promise.all(folders.map(async (folder) => readdir(project.path(folder))));
    expect(left.map((names) => names.filter((name) => name !== 'batch.json'))).toEqual(
      folders.map(() => ['mine.txt']),
    );
    expect(await readdir(project.path('results'))).toContain('linked');
  });

  it('removes the batches that are named, whatever their age, and no other one', async () => {
    const { project } = fleet;
    await oldBatch('one', 'finished', 0);
    await oldBatch('other', 'cancelled', 40);
    await oldBatch('stays', 'finished', 40);
    await oldBatch('going', 'running', 40);
    await mkdir(project.path('results', 'one'), { recursive: true });
    await mkdir(project.path('results', 'lost'), { recursive: true });
    const manifest = { batch: 'lost', name: 'lost', total: 1, params: [], url: 'http://a.example' };
    await writeFile(project.path('results', 'lost', 'batch.json'), JSON.stringify(manifest));
    const refused = await project.call(['prune', 'one', 'going', 'stay', 'lost', '--yes']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/going is running: cancel it first/u);
    expect(refused.stderr).toMatch(/no batch "stay" is known; did you mean stays\?/u);
    expect(refused.stderr).toMatch(/lost has results in \S+, .* --orphans removes them/u);
    expect(await batchFolders(project)).toEqual(['lost', 'one']);

    const looked = await fleet.json('prune', 'one', '--dry-run');
    expect(looked).toMatchObject({ code: 0, document: { batches: [{ batch: 'one' }] } });
    const pruned = await fleet.json('prune', 'one', 'other', '--yes');
    expect(pruned.code).toBe(0);
    const ids = pruned.document.batches.map(({ batch }: { batch: string }) => batch);
    expect(ids.toSorted()).toEqual(['one', 'other']);
    expect(pruned.stderr).toMatch(/^Removed 2 batches, /u);
    expect(await batchFolders(project)).toEqual(['lost']);
    expect(await fleet.ledger.state('stays')).toBe('finished');
    const orphan = await project.call(['prune', 'lost', '--orphans', '--yes']);
    expect(orphan).toMatchObject({ code: 0, stderr: expect.stringContaining('Removed lost, ') });
  });

  it('reports invalid input', async () => {
    const wrong = await fleet.project.call([
      'prune',
      '--older-than',
      'a month',
      '--state',
      'paused',
    ]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/--state: "paused"[^]*--older-than: "a month" is no duration/u);
    const both = await fleet.project.call(['prune', 'one', '--older-than', '30d']);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('leave them or the') });
    await writeFile(fleet.project.path('results'), 'no folder');
    const missing = await fleet.project.call(['prune']);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('--older-than') });
  });
});

/** Folders of batches, without the marker of the results folder. */
async function batchFolders(project: Project): Promise<string[]> {
  const names = await readdir(project.path('results'));
  return names.filter((name) => !name.startsWith('.'));
}
