import { fleetKeys, Outbox } from '@fetchfleet/fleet';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitForNotifications } from '../../src/batch/wait-for-notifications.ts';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

/** Waits for the notifications of a batch. @returns what it says */
async function said(batch: string, signal: AbortSignal, isPrivate = false): Promise<string[]> {
  const warnings: string[] = [];
  const outbox = new Outbox(fleet.redis, fleetKeys(fleet.name));
  await waitForNotifications({ outbox, isPrivate }, batch, {
    terminal: { warn: (text) => warnings.push(text) },
    signal,
  });
  return warnings;
}

it('waits until a notification is delivered, and names those that are not', async () => {
  const text = crawlFile(fleet.origin.url, 1, 'notify: https://a.example/path');
  const batch = await fleet.enqueue(text);
  const forEver = new AbortController().signal;
  expect(await said(batch, forEver)).toEqual([]);
  await fleet.ledger.cancel(batch);
  const who = 'cancelled, to https://a.example (no worker has sent it yet)';
  expect(await said(batch, AbortSignal.abort())).toEqual([
    `not told yet: ${who}; workers on this Redis try again, for a day`,
  ]);
  expect(await said(batch, AbortSignal.abort(), true)).toEqual([
    `not told yet: ${who}; the next run or resume in this folder tries again, for a day`,
  ]);
  const outbox = new Outbox(fleet.redis, fleetKeys(fleet.name));
  const waiting = said(batch, forEver);
  const [taken] = await outbox.take(1, 60_000);
  await outbox.remove(taken?.entry ?? { key: '', shard: 0 });
  expect(await waiting).toEqual([]);
});

describe('run', () => {
  const run = ['run', 'crawl.yaml', '--workers', '1', '--transport', 'native'];

  it('says how the batch has ended before it waits for a receiver', async () => {
    const { origin, project } = fleet;
    const gate = Promise.withResolvers<void>();
    origin.respond('/told', async (_request, response) => {
      await gate.promise;
      response.end();
    });
    await project.write('crawl.yaml', crawlFile(origin.url, 1, `notify: ${origin.url}/told`));
    const running = await project.start(run);
    await eventually(() => running.stderr.includes('1 of 1 fetched'));
    expect(running.stderr).not.toContain('not told yet');
    gate.resolve();
    expect(await running.exit).toMatchObject({ code: 0 });
    expect(running.stderr).not.toContain('not told yet');
  });

  it('says who was not told where the batch ends while the command is interrupted', async () => {
    const { origin, project } = fleet;
    const gate = Promise.withResolvers<void>();
    origin.respond('/told', { status: 503 });
    origin.respond('/echo/1', async (_request, response) => {
      await gate.promise;
      response.end();
    });
    await project.write('crawl.yaml', crawlFile(origin.url, 1, `notify: ${origin.url}/told`));
    const running = await project.start(run);
    await eventually(() => origin.arrivals.length > 0);
    running.signal('SIGINT');
    await eventually(() => running.stderr.includes('Stopping'));
    gate.resolve();
    expect(await running.exit).toMatchObject({ code: 0 });
    expect(running.stderr).toContain('1 of 1 fetched');
    expect(running.stderr).toMatch(/not told yet: finished, to http/u);
  });
});
