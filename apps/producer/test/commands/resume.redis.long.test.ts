import { fleetKeys } from '@fetchfleet/fleet';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

/** Valid JSON that is not a slice, as another version may have written. */
const UNREADABLE = JSON.stringify({ batch: 'of another version', fetches: [1, 2] });

/** Damages a queued slice, so that workers reject it. */
async function damage(batch: string, firstIndex: number): Promise<void> {
  const key = fleetKeys(fleet.name).home.queue(`${batch}.${firstIndex}`);
  expect(await fleet.redis.hset(key, 'data', UNREADABLE)).toBe(0);
}

async function failed(): Promise<string[]> {
  return fleet.redis.zrange(fleetKeys(fleet.name).home.queue('failed'), 0, '-1');
}

describe('slices that a worker has rejected', () => {
  it('are queued again by resume, but those of other batches stay', async () => {
    const { origin, ledger } = fleet;
    const id = await fleet.enqueue(crawlFile(origin.url, 300));
    const other = await fleet.enqueue(crawlFile(origin.url, 20));
    await damage(id, 0);
    await damage(id, 100);
    await damage(other, 0);
    await fleet.worker();
    await eventually(async () => (await failed()).length === 3);
    await eventually(async () => (await ledger.status(id))?.settled === 292);
    expect(await fleet.json('resume', id)).toMatchObject({ code: 0, document: { total: 300 } });
    const watched = await fleet.json('status', id, '--watch');
    expect(watched).toMatchObject({ code: 0, document: { state: 'finished', ok: 300 } });
    expect(await failed()).toEqual([`${other}.0`]);
    const { records } = await fleet.exported(id);
    expect(records.map(({ index }) => index)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(await ledger.state(other)).toBe('running');
  });

  it('are also queued again when the batch was paused', async () => {
    const { origin, ledger } = fleet;
    const id = await fleet.enqueue(crawlFile(origin.url, 100));
    await damage(id, 10);
    await fleet.worker();
    await eventually(async () => (await failed()).length === 1);
    await fleet.json('pause', id);
    await fleet.json('resume', id);
    const watched = await fleet.json('status', id, '--watch');
    expect(watched).toMatchObject({ code: 0, document: { state: 'finished', ok: 100 } });
    expect(await failed()).toEqual([]);
    expect((await ledger.status(id))?.settled).toBe(100);
  });
});

it('leaves a partly enqueued batch paused if its lists have changed', async () => {
  const { project, ledger, redis } = fleet;
  await project.write('ids.txt', '1\n2\n3\n');
  const range = '{ from: 1, to: 1 }';
  const id = await fleet.enqueue(
    crawlFile(fleet.origin.url, 1).replace(range, '{ file: ids.txt }'),
  );
  // As after a producer that died before it queued the last slice.
  await redis.hset(fleetKeys(fleet.name).batch(id), 'state', 'expanding');
  await fleet.json('pause', id);
  await project.write('ids.txt', '1\n2\n4\n');
  const refused = await fleet.json('resume', id);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/lists have changed/u) });
  expect(await ledger.state(id)).toBe('paused');
  expect(await fleet.pausedSlices.count(id)).toBeGreaterThan(0);
  await project.write('ids.txt', '1\n2\n3\n');
  const resumed = await fleet.json('resume', id);
  expect(resumed).toMatchObject({ code: 0, document: { state: 'running', total: 3 } });
  expect(await fleet.pausedSlices.count(id)).toBe(0);
});
