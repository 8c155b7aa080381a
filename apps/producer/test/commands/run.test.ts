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
import { documentIn, exportedIndexes, RUN, RUN_ONE, upTo } from './run-fixture.ts';

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
    expect(await exportedIndexes(project, batch)).toEqual(upTo(60));
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
    const flags = ['--json', '--transport', 'native', '--umask', '022', ...told];
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
    expect(await exportedIndexes(project, interrupted.batch)).toEqual(upTo(200));
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
