import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import { connectRedis, fleetKeys, Ledger, Workers } from '@fetchfleet/fleet';
import {
  eventually,
  installLeakGuard,
  redisUrl,
  type Running,
  startRedis,
} from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { crawlFile, Project } from '../cli-fixture.ts';
import { onTerminal, Screen } from './screen-fixture.ts';

const TOTAL = 40;

let project: Project;
let redis: Redis;
let ledger: Ledger;
let batch: string;

beforeEach(async () => {
  project = await Project.create(redisUrl());
  redis = await connectRedis(redisUrl());
  ledger = new Ledger(redis, fleetKeys(project.env['FETCHFLEET_FLEET']));
  await project.write('crawl.yaml', crawlFile('https://a.example', TOTAL));
  batch = await register(ledger);
});

afterEach(async () => {
  const keys = await redis.keys(`*${project.env['FETCHFLEET_FLEET'] ?? ''}*`);
  if (keys.length > 0) {
    await redis.del(...keys);
  }
  redis.disconnect();
  await project.remove();
});

installLeakGuard();

/** Registers a running batch without queueing its slices. */
async function register(into: Ledger): Promise<string> {
  const id = 'test-20261123-0017-k3f9';
  const crawl = await readCrawlFile(project.path('crawl.yaml'));
  const fingerprint = project.folder.path;
  const source = 'crawl.yaml';
  await into.register({ id, crawl, total: TOTAL, sliceSize: 1, source, fingerprint });
  await into.expanded(id);
  return id;
}

/** Settles fetches as workers do. */
async function settle(from: number, to: number): Promise<void> {
  const settlements = Array.from({ length: to - from }, (_, at) => ({
    index: from + at,
    outcome: from + at === 0 ? ('http-error' as const) : ('ok' as const),
    durationMs: 1,
    bytes: 100,
  }));
  await ledger.settle(batch, settlements);
}

function seen({ stdout }: Running, columns = 80, rows = 24): Screen {
  return new Screen(columns, rows).write(stdout);
}

async function waitForText(running: Running, text: string | RegExp) {
  await eventually(() => expect(seen(running).text).toMatch(text), { intervalMs: 50 });
}

describe('the live view of a batch', () => {
  it('shows progress, outcomes and workers until the batch ends', async () => {
    await new Workers(redis, fleetKeys(project.env['FETCHFLEET_FLEET'])).heartbeat({
      id: 'w-1',
      host: 'here',
      pid: 7,
      version: '0.0.0',
      transport: 'got',
      concurrency: 50,
      inFlight: 12,
      slices: 1,
      batches: [batch],
      state: 'working',
      roles: ['fetch'],
      fetchesPerSecond: 9,
      uptimeMs: 1_000,
    });
    await settle(0, 10);
    const view = await onTerminal(project, ['status', batch, '--watch'], { columns: 80, rows: 24 });
    await waitForText(view, /10 of 40/u);
    const screen = seen(view);
    expect(screen).toMatchObject({ isAlternate: true, isCursorShown: false, hasOverflowed: false });
    expect(screen.text).toContain(batch);
    expect(screen.text).toMatch(/outcomes +ok 9 · http-error 1/u);
    expect(screen.text).toMatch(/w-1 +12 of 50/u);
    await settle(10, 20);
    await waitForText(view, /20 of 40/u);
    await settle(20, TOTAL);
    await view.exit;
    expect(seen(view)).toMatchObject({ isAlternate: false, isCursorShown: true });
    expect(view.stdout).toMatch(/state +finished[^]*exit status 1/u);
  });

  it('adapts to the size of the terminal', async () => {
    const view = await onTerminal(project, ['status', batch, '--watch'], { columns: 80, rows: 24 });
    await waitForText(view, /0 of 40/u);
    const before = view.stdout.length;
    await project.write('size', 'cols 50 rows 9');
    // The output since the screen was cleared for its new size.
    const after = (): Screen => {
      const cleared = view.stdout.lastIndexOf('\u001B[2J');
      const drawn = cleared < before ? '' : view.stdout.slice(cleared);
      return new Screen(50, 9).write(`\u001B[?1049h${drawn}`);
    };
    await eventually(() => expect(after().text).toContain('ends the view'));
    expect(after().hasOverflowed).toBe(false);
    await project.write('keys', 'q');
    await view.exit;
    expect(view.stdout).toContain('exit status 130');
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['q', 'q'],
  ])('ends with %s, restores the terminal and does not stop the batch', async (_name, key) => {
    const view = await onTerminal(project, ['status', batch, '--watch'], {
      columns: 80,
      rows: 24,
    });
    await waitForText(view, /0 of 40/u);
    await project.write('keys', key);
    await view.exit;
    expect(seen(view)).toMatchObject({ isAlternate: false, isCursorShown: true });
    expect(view.stdout).toContain('Interrupted; the batch goes on');
    expect(await ledger.state(batch)).toBe('running');
  });

  it('restores the terminal on SIGTERM', async () => {
    const view = await onTerminal(project, ['status', batch, '--watch'], { columns: 80, rows: 24 });
    await waitForText(view, /0 of 40/u);
    process.kill(programPid(), 'SIGTERM');
    await view.exit;
    expect(seen(view)).toMatchObject({ isAlternate: false, isCursorShown: true });
    expect(view.stdout).toContain('exit status 130');
  });

  it('has no colours with NO_COLOR', async () => {
    const size = { columns: 80, rows: 24, env: { NO_COLOR: '1' } };
    const view = await onTerminal(project, ['status', batch, '--watch'], size);
    await waitForText(view, /0 of 40/u);
    await project.write('keys', 'q');
    await view.exit;
    // eslint-disable-next-line no-control-regex -- colours begin with one
    expect(view.stdout).not.toMatch(/\u001B\[[\d;]*m/u);
  });

  it('fails after ten seconds without Redis and restores the terminal', async () => {
    const own = await startRedis();
    const REDIS_URL = own.url;
    const client = await connectRedis(REDIS_URL);
    const id = await register(new Ledger(client, fleetKeys(project.env['FETCHFLEET_FLEET'])));
    client.disconnect();
    const size = { columns: 80, rows: 24, env: { REDIS_URL } };
    const view = await onTerminal(project, ['status', id, '--watch'], size);
    await waitForText(view, /0 of 40/u);
    await own.kill();
    await waitForText(view, /Redis has not answered for/u);
    await view.exit;
    expect(seen(view)).toMatchObject({ isAlternate: false, isCursorShown: true });
    expect(view.stdout).toContain('exit status 3');
    await own.dispose();
  });
});

describe('the live view of all batches', () => {
  it('waits for running and paused batches, and ends with the table', async () => {
    const view = await onTerminal(project, ['status', '--watch'], { columns: 80, rows: 24 });
    await waitForText(view, /1 batch under way/u);
    await redis.hset(fleetKeys(project.env['FETCHFLEET_FLEET']).batch(batch), 'state', 'paused');
    await waitForText(view, new RegExp(`${batch} +paused`, 'u'));
    await ledger.cancel(batch);
    await view.exit;
    expect(seen(view)).toMatchObject({ isAlternate: false, isCursorShown: true });
    expect(view.stdout).toMatch(/cancelled[^]*exit status 0/u);
  });

  it('is a line every few seconds without a terminal, and the table at the end', async () => {
    const watching = await project.start(['status', '--watch']);
    await watching.waitForLine(new RegExp(`^${batch}: 0 of 40`, 'u'));
    await ledger.cancel(batch);
    expect(await watching.exit).toMatchObject({ code: 0 });
    expect(watching.stdout).toMatch(/cancelled/u);
    expect(watching.stdout).not.toContain('\u001B');
  });
});

/** The pid of the CLI: a child of the shell that wrote its own pid to a file. */
function programPid(): number {
  expect(existsSync(project.path('program.pid'))).toBe(true);
  const shell = readFileSync(project.path('program.pid'), 'utf8').trim();
  const children = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
  const found = children.find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('fetchfleet.js'),
  );
  return Number(found);
}
