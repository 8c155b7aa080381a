import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  eventually,
  installLeakGuard,
  type Origin,
  startOrigin,
  startTinyproxy,
} from '@fetchfleet/testing';
import { crawlFile, Project } from '../cli-fixture.ts';

let project: Project;
let origin: Origin;

beforeEach(async () => {
  project = await Project.create();
  origin = await startOrigin();
});

afterEach(async () => {
  await origin.stop();
  await project.remove();
});

installLeakGuard();

interface Document {
  readonly batch: string;
  readonly state: string;
  readonly total: number;
  readonly settled: number;
  readonly ok: number;
  readonly failed: number;
  readonly results: string;
}

function documentIn(stdout: string): Document {
  return JSON.parse(stdout) as Document;
}

async function exportedIndexes(batch: string): Promise<number[]> {
  const { code, stdout } = await project.call(['export', batch]);
  expect(code).toBe(0);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { index: number }).index);
}

const modes = (some: readonly Stats[]): number[] => [
  ...new Set(some.map(({ mode }) => mode & 0o777)),
];

/** The permissions of a folder and of all folders and files in it. */
async function modesIn(name: string) {
  const names = await readdir(project.path(name), { recursive: true });
  const stats = await Promise.all(['', ...names].map(async (one) => stat(project.path(name, one))));
  return {
    folders: modes(stats.filter((one) => one.isDirectory())),
    files: modes(stats.filter((one) => one.isFile())),
  };
}

/** Interrupts a run of slow fetches. @returns its batch */
async function interrupt(text: string): Promise<string> {
  await project.write('crawl.yaml', text.replace('{n}', '{n}?delay=100'));
  const before = origin.arrivals.length;
  const run = await project.start([...RUN_ONE, '--json']);
  await eventually(() => origin.arrivals.length > before + 10);
  run.signal('SIGINT');
  expect(await run.exit).toMatchObject({ code: 130 });
  return documentIn(run.stdout).batch;
}

const RUN = ['run', 'crawl.yaml', '--workers', '2', '--concurrency', '10'];
/** Where the number of workers does not matter: each takes a third of a second of CPU to start. */
const RUN_ONE = ['run', 'crawl.yaml', '--workers', '1', '--concurrency', '20'];
const upTo = (total: number): number[] => Array.from({ length: total }, (_, index) => index);

describe('a run on this machine', () => {
  it('fetches everything and prints a summary, and its records can be exported without Redis', async () => {
    const headers = 'headers: { x-key: "${env:RUN_KEY}" }';
    await project.write('crawl.yaml', crawlFile(origin.url, 60, headers));
    const mask = process.umask(0);
    const running = project.run(RUN, { RUN_KEY: 'sesame', NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    process.umask(mask);
    const run = await running;
    expect(run).toMatchObject({ code: 0, stdout: '' });
    expect(await modesIn('results')).toEqual({ folders: [0o700], files: [0o600] });
    expect(await modesIn('.fetchfleet')).toMatchObject({ folders: [0o700], files: [0o600] });
    expect(run.stderr.match(/warning: certificates are not checked/gu)).toHaveLength(1);
    expect(origin.arrivals.at(-1)?.headers['x-key']).toBe('sesame');
    expect(run.stderr).toMatch(/✔ test: 60 of 60 fetched/u);
    const [, batch = ''] = /fetchfleet export (\S+)/u.exec(run.stderr) ?? [];
    expect(await exportedIndexes(batch)).toEqual(upTo(60));
    const csv = await project.call(['export', batch, '--format', 'csv', '-o', 'out.csv', '--json']);
    expect(JSON.parse(csv.stdout)).toMatchObject({ batch, format: 'csv', written: 60, missing: 0 });
    expect(await readFile(project.path('out.csv'), 'utf8')).toMatch(/^index,n,url,outcome,/u);
    const status = await project.run(['status', batch, '--json']);
    expect(documentIn(status.stdout)).toMatchObject({ state: 'finished', ok: 60, failed: 0 });
  });

  it('goes through the proxy of the crawl file, and sends each secret where it belongs', async () => {
    const proxy = await startTinyproxy({ user: { name: 'ann', password: 's3same' } });
    const url = proxy.url.replace('//', '//ann:${env:RUN_PASS}@');
    const told = `{ url: "${origin.url}/told/\${env:RUN_HOOK}", secret: "\${env:RUN_SIGN}" }`;
    const text = crawlFile(
      origin.url,
      3,
      `auth: { basic: { user: me, password: "\${env:RUN_KEY}" } }\nnotify: ${told}`,
    );
    const network = `network: { allowPrivate: true, proxy: "${url}" }`;
    await project.write('crawl.yaml', text.replace(/^network: .*$/m, network));
    const shown = await project.call(['validate', 'crawl.yaml']);
    expect(shown.stdout).toContain('authorization: Basic me:${env:RUN_KEY}');
    expect(shown.stdout).toContain(`through   127.0.0.1:${proxy.port}\n`);
    const env = { RUN_PASS: 's3same', RUN_KEY: 'pass:word', RUN_HOOK: 'hush' };
    const refused = await project.run(RUN_ONE, env);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('the variable RUN_SIGN is not set');
    const run = await project.run(RUN_ONE, { ...env, RUN_SIGN: 'whsec_c2VzYW1l' });
    expect(run.stderr).toMatch(/3 of 3 fetched/u);
    const sent = Buffer.from('me:pass:word').toString('base64');
    const [fetched] = origin.arrivalsOf('/echo/1');
    expect(fetched?.headers).toMatchObject({ authorization: `Basic ${sent}` });
    expect(fetched?.headers).not.toHaveProperty('proxy-authorization');
    const [notification] = origin.arrivalsOf('/told/hush');
    expect(notification?.headers).toMatchObject({
      'webhook-signature': expect.stringMatching(/^v1,/u),
    });
    expect(notification?.headers).not.toHaveProperty('authorization');
    expect(proxy.log.match(/POST http:.*told/gu)).toHaveLength(1);
    expect(proxy.log.match(/GET http:.*echo/gu)).toHaveLength(3);
    await proxy.stop();
  });

  it('exits with 1 if fetches failed, with the reasons on stderr and the document on stdout', async () => {
    origin.respond('/echo/7', { status: 404 });
    await project.write('crawl.yaml', crawlFile(origin.url, 20));
    const told = ['--notify', `${origin.url}/told`];
    const flags = ['--json', '--transport', 'undici', '--umask', '022', ...told];
    const run = await project.run([...RUN_ONE, ...flags]);
    expect(run.code).toBe(1);
    expect(await modesIn('results')).toEqual({ folders: [0o755], files: [0o644] });
    expect(await modesIn('.fetchfleet')).toMatchObject({ folders: [0o700], files: [0o600] });
    expect(documentIn(run.stdout)).toMatchObject({
      state: 'finished',
      total: 20,
      settled: 20,
      ok: 19,
      failed: 1,
      outcomes: { ok: 19, 'http-error': 1 },
      results: project.path('results'),
    });
    expect(run.stderr).toMatch(/http-error +1 +e\.g\. #6 HTTP 404 http/u);
    // Its workers end with it, so it has waited for the notification.
    expect(origin.arrivalsOf('/told').map(({ method }) => method)).toEqual(['POST']);
  });

  it('lets running fetches finish when it is interrupted, and goes on when it is resumed', async () => {
    const env = { RUN_KEY: 'sesame' };
    const text = crawlFile(origin.url, 200, 'headers: { x-key: "${env:RUN_KEY}" }');
    await project.write('crawl.yaml', text.replace('{n}', '{n}?delay=100'));
    const first = await project.start([...RUN, '--json'], { env });
    await eventually(() => origin.arrivals.length > 30);
    first.signal('SIGINT');
    expect(await first.exit).toMatchObject({ code: 130 });
    const interrupted = documentIn(first.stdout);
    expect(interrupted.state).toBe('running');
    expect(interrupted.settled).toBeGreaterThan(0);
    expect(first.stderr).toContain('fetchfleet run crawl.yaml');
    expect(first.stderr).toContain(`fetchfleet resume ${interrupted.batch}`);
    const { batch } = interrupted;
    const [status, statusJson, table, tableJson] = await Promise.all([
      project.run(['status', batch]),
      project.run(['status', batch, '--json']),
      project.run(['batches']),
      project.run(['batches', '--json']),
    ]);
    expect(status.stdout).toMatch(/^state +interrupted$/mu);
    expect(status.stderr).toContain(`resume ${batch}`);
    expect(JSON.parse(statusJson.stdout)).toMatchObject({ batch, interrupted: true });
    expect(table.stdout).toMatch(new RegExp(`${batch}.* interrupted `, 'u'));
    expect(JSON.parse(tableJson.stdout)).toMatchObject({ batches: [{ batch, interrupted: true }] });
    const second = await project.run(['resume', batch, '--json', '--workers', '2'], env);
    expect(second.code).toBe(0);
    expect(documentIn(second.stdout)).toMatchObject({ batch: interrupted.batch, ok: 200 });
    // The running fetches had finished: nothing was fetched twice.
    expect(origin.arrivals).toHaveLength(200);
    expect(await exportedIndexes(interrupted.batch)).toEqual(upTo(200));
  });

  it('leaves no process behind when it is killed, and two runs at once complete its batch', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 200).replace('{n}', '{n}?delay=50'));
    const first = await project.start(RUN);
    await eventually(() => origin.arrivals.length > 30);
    await first.kill('SIGKILL');
    await eventually(() => project.processes().length === 0);
    const [again, besides] = await Promise.all([
      project.run([...RUN, '--json']),
      project.run([...RUN, '--json']),
    ]);
    // Both use the same Redis and, because the crawl is the same, the same batch.
    expect(again).toMatchObject({ code: 0 });
    expect(besides).toMatchObject({ code: 0 });
    const { batch } = documentIn(again.stdout);
    expect(documentIn(besides.stdout).batch).toBe(batch);
    expect(again.stderr).toContain(`Continuing batch ${batch}`);
    expect(await exportedIndexes(batch)).toEqual(upTo(200));
  });

  it('applies edits of politeness, retry and limits to its unfinished batch', async () => {
    const batch = await interrupt(crawlFile(origin.url, 60, 'retry: { attempts: 1 }'));
    const edited = crawlFile(origin.url, 60, 'retry: { attempts: 3 }')
      .replace('concurrency: unlimited', 'rate: 1000/s')
      .replace('{n}', '{n}?delay=100');
    await project.write('crawl.yaml', `${edited}\nlimits: { timeout: 10s }\n`);
    const second = await project.run([...RUN_ONE, '--json']);
    expect(second.stderr).toMatch(
      /Applied to the unfinished batch: politeness\.rate: unlimited → 1000\/s, politeness\.concurrency: unlimited → 16, retry\.attempts: 1 → 3, limits\.timeout: 30 s → 10 s\n/u,
    );
    expect(second.code).toBe(0);
    expect(documentIn(second.stdout)).toMatchObject({ batch, ok: 60 });
    expect(await exportedIndexes(batch)).toEqual(upTo(60));
  });

  it('refuses other edits, names them, and continues the old crawl with --resume', async () => {
    const batch = await interrupt(crawlFile(origin.url, 60));
    const edited = crawlFile(origin.url, 3, 'retry: { attempts: 2 }\nheaders: { x-a: "1" }');
    await project.write('crawl.yaml', edited);
    const refused = await project.run([...RUN_ONE, '--json']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    for (const key of ['url', 'headers.x-a', 'params.n', 'retry.attempts: 5 → 2']) {
      expect(refused.stderr).toContain(`crawl.yaml differs in ${key}\n`);
    }
    expect(refused.stderr).toMatch(
      new RegExp(`batch ${batch} is unfinished \\(\\d+ of 60 done\\).*--resume.*--new`, 'u'),
    );
    const both = await project.run([...RUN_ONE, '--resume', '--new']);
    expect(both.code).toBe(2);
    const resumed = await project.run([...RUN_ONE, '--resume', '--json']);
    expect(resumed.code).toBe(0);
    expect(documentIn(resumed.stdout)).toMatchObject({ batch, ok: 60 });
    const nothing = await project.run([...RUN_ONE, '--resume']);
    expect(nothing).toMatchObject({ code: 2 });
    expect(nothing.stderr).toContain('no batch of "test" is unfinished');
    // Nothing is unfinished any more: the edited file is a batch of its own.
    expect(documentIn((await project.run([...RUN_ONE, '--json'])).stdout)).toMatchObject({ ok: 3 });
  });

  it('starts another batch beside the unfinished one with --new', async () => {
    const batch = await interrupt(crawlFile(origin.url, 60));
    await project.write('crawl.yaml', crawlFile(origin.url, 3));
    const other = await project.run([...RUN_ONE, '--new', '--json']);
    expect(documentIn(other.stdout)).toMatchObject({ total: 3, ok: 3 });
    expect(documentIn(other.stdout).batch).not.toBe(batch);
  });

  it('continues what is queued with --resume when its list was edited', async () => {
    const text = crawlFile(origin.url, 60).replace('{ from: 1, to: 60 }', '{ file: ids.txt }');
    const ids = upTo(60).join('\n');
    await project.write('ids.txt', ids);
    const batch = await interrupt(text);
    await project.write('ids.txt', `${ids}\n60`);
    const refused = await project.run(RUN_ONE);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/crawl\.yaml differs in the content of \S+ids\.txt\n/u);
    const resumed = await project.run([...RUN_ONE, '--resume', '--json']);
    expect(documentIn(resumed.stdout)).toMatchObject({ batch, total: 60, ok: 60 });
  });

  it('gives up when its workers refuse their settings', async () => {
    await project.write('crawl.yaml', crawlFile(origin.url, 5));
    const run = await project.run(RUN, { FETCHFLEET_DRAIN_TIMEOUT: 'for ever' });
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/no worker stays alive.*for ever/u);
    expect(run.stderr).toContain('Continue with: fetchfleet run crawl.yaml');
    // What a run with other flags has started, or a retry, is continued by `resume` alone.
    const [, batch = ''] = /or: fetchfleet resume (\S+)\n/u.exec(run.stderr) ?? [];
    const env = { FETCHFLEET_DRAIN_TIMEOUT: 'for ever' };
    const resumed = await project.run(['resume', batch, '--workers', '1'], env);
    expect(resumed.stderr).toContain(`Continue with: fetchfleet resume ${batch}\n`);
    expect(resumed.stderr).not.toContain('fetchfleet run');
  });
});
