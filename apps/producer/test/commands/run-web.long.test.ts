import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import {
  binaryPath,
  eventually,
  installLeakGuard,
  type Origin,
  redisUrl,
  type Running,
  startOrigin,
} from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile, Project } from '../cli-fixture.ts';
import { RUN_ONE } from './run-fixture.ts';

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

const ADDRESS = /Watch it at (http:\/\/127\.0\.0\.1:\d+\/)#\/batches\/(test-\S+)/u;
const SHOWN = [...RUN_ONE, '--web', '--port', '0'];

/** A run whose fetches take so long. */
async function startSlow(flags: readonly string[], delayMs: number): Promise<Running> {
  const text = crawlFile(origin.url, 100).replace('{n}', `{n}?delay=${delayMs}`);
  await project.write('crawl.yaml', text);
  return project.start(flags);
}

async function isServed(address: string): Promise<boolean> {
  return fetch(new URL('api/fleet', address)).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** The process of the page. */
async function serverOf({ pid }: Running): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const pids = children.trim().split(' ').map(Number);
  const commands = await Promise.all(
    // Another child may end meanwhile.
    pids.map(async (one) => readFile(`/proc/${one}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids[commands.findIndex((command) => command.includes('fetchfleet-web'))] ?? 0;
}

/** Loaded before a program, as from a slow disk. */
const SLOW =
  'data:text/javascript,import { once } from "events"; await once(process, "disconnect")';

it.each(['fetchfleet-web', 'fetchfleet-worker'])(
  '%s ends if what has started it ended while it was loaded',
  async (name) => {
    const env = { ...process.env, ...project.env, REDIS_URL: redisUrl() };
    const child = spawn(process.execPath, [`--import=${SLOW}`, binaryPath(name)], {
      cwd: project.folder.path,
      env: { ...env, FETCHFLEET_WEB_PORT: '0', FETCHFLEET_METRICS_PORT: '0' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.disconnect();
    await expect(once(child, 'exit')).resolves.toEqual([0, null]);
  },
);

describe('run --web', () => {
  it('shows its batch until it ends', async () => {
    const run = await startSlow(SHOWN, 500);
    const [, address = '', batch = ''] = await run.waitForLine(ADDRESS);
    const detail = await fetch(new URL(`api/batches/${batch}`, address));
    expect(await detail.text()).toContain(`"batch":"${batch}"`);
    await expect(run.exit).resolves.toMatchObject({ code: 0 });
    expect(run.stdout).toBe('');
    expect(run.stderr.match(/Watch it at/gu)).toHaveLength(1);
    expect(run.stderr).not.toContain('page');
    expect(await isServed(address)).toBe(false);
  });

  it('shows it while an interrupted run ends, and no longer', async () => {
    const run = await startSlow(SHOWN, 1_000);
    const [, address = ''] = await run.waitForLine(ADDRESS);
    await eventually(() => origin.arrivals.length > 0);
    run.signal('SIGINT');
    await run.waitForLine(/Stopping: running fetches finish/u);
    expect(await isServed(address)).toBe(true);
    await expect(run.exit).resolves.toMatchObject({ code: 130 });
    expect(run.stderr).not.toContain('page');
    expect(await isServed(address)).toBe(false);
  });

  it('leaves no server behind when it is killed', async () => {
    const run = await startSlow(SHOWN, 1_000);
    const [, address = ''] = await run.waitForLine(ADDRESS);
    await run.kill('SIGKILL');
    await eventually(async () => !(await isServed(address)));
    expect(run.stderr).not.toContain('warning: there is no page');
  });

  it('goes on without a page where its port is taken, and warns', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { readonly port: number };
    const run = await startSlow([...RUN_ONE, '--port', String(port)], 100);
    await expect(run.exit).resolves.toMatchObject({ code: 0 });
    const reason = `cannot listen on 127.0.0.1:${port}: the port is in use`;
    expect(run.stderr).toMatch(new RegExp(`warning: there is no page: --port .*${reason}`, 'u'));
    expect(run.stderr).toContain('100 of 100 fetched');
    taken.close();
  });

  it('opens it in the browser, and goes on when its server is killed', async () => {
    const opener = `#!/bin/sh\necho "$1" > '${project.path('opened')}'\n`;
    await mkdir(project.path('bin'));
    await project.write('bin/xdg-open', opener);
    await chmod(project.path('bin/xdg-open'), 0o755);
    const text = crawlFile(origin.url, 100).replace('{n}', '{n}?delay=500');
    await project.write('crawl.yaml', text);
    const path = `${project.path('bin')}:${process.env['PATH'] ?? ''}`;
    const env = { PATH: path, FETCHFLEET_WEB_PORT: '0' };
    const run = await project.start([...RUN_ONE, '--open'], { env });
    const [, address = '', batch = ''] = await run.waitForLine(ADDRESS);
    const opened = async (): Promise<string> =>
      readFile(project.path('opened'), 'utf8').catch(() => '');
    await eventually(async () => (await opened()) !== '');
    expect(await opened()).toContain(`${address}#/batches/${batch}`);
    process.kill(await serverOf(run), 'SIGKILL');
    await expect(run.exit).resolves.toMatchObject({ code: 0 });
    expect(run.stderr).toContain('warning: there is no page: the server of the page has ended');
    expect(run.stderr).toContain('100 of 100 fetched');
  });
});
