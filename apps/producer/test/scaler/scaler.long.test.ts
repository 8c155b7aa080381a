import { FleetOverview, fleetKeys, ScheduleStore } from '@fetchfleet/fleet';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile } from '../cli-fixture.ts';
import type { FleetProject } from '../fleet-fixture.ts';
import { ScaledFleet } from './scaler-fixture.ts';

let scaled: ScaledFleet;
let fleet: FleetProject;
beforeEach(async () => {
  scaled = await ScaledFleet.start();
  ({ fleet } = scaled);
});
afterEach(async () => {
  await scaled.stop();
  await fleet.remove();
});
closeAfterEach();

/** Nobody can start or has started any fetch. */
async function isPutOff(): Promise<boolean> {
  const { backlog } = await new FleetOverview(fleet.redis, fleetKeys(fleet.name)).read();
  return backlog.runnable + backlog.active === 0 && backlog.throttled > 0;
}

async function stateOf(batch: string): Promise<string | undefined> {
  return (await fleet.ledger.status(batch))?.state;
}

/** As many records as fetches, all good, and no URL requested more than once. */
async function expectExact(batch: string, count: number): Promise<void> {
  const { records } = await fleet.exported(batch);
  expect(records.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: count }, (_, index) => index),
  );
  expect(records.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
}

describe('a fleet that KEDA scales', () => {
  it('goes from none to eight workers and back, and fetches everything once', async () => {
    await scaled.polled(3);
    expect(scaled.history.every((count) => count === 0)).toBe(true);
    const count = 800;
    fleet.origin.respond(/^\/echo\//u, { body: '{}', delayMs: 12_000 });
    const batch = await fleet.enqueue(crawlFile(fleet.origin.url, count));
    await scaled.until(() => scaled.count === 8);
    await scaled.replaceExporter();
    await scaled.until(async () => (await stateOf(batch)) === 'finished');
    await scaled.until(() => scaled.count === 0);
    const peak = scaled.history.indexOf(8);
    const [up, down] = [scaled.history.slice(0, peak), scaled.history.slice(peak)];
    expect(up).toEqual(up.toSorted((a, b) => a - b));
    expect(up).toContain(1);
    // A difference of a tenth changes nothing.
    expect(scaled.mostUsed).toBeLessThanOrEqual(1.1);
    expect(down).toEqual(down.toSorted((a, b) => b - a));
    await expectExact(batch, count);
    const urls = fleet.origin.arrivals.map(({ url }) => url);
    expect(new Set(urls).size).toBe(count);
    expect(urls).toHaveLength(count);
  });

  it('has a worker for fetches that their origin has put off, also when none is left', async () => {
    const waitS = 30;
    const openAt = Date.now() + waitS * 1_000;
    fleet.origin.respond(/^\/echo\//u, (_, response) => {
      const leftS = Math.ceil((openAt - Date.now()) / 1_000);
      if (leftS > 0) {
        response.writeHead(429, { 'retry-after': String(leftS) });
      }
      response.end('{}');
    });
    const batch = await fleet.enqueue(crawlFile(fleet.origin.url, 20));
    await scaled.until(() => fleet.origin.arrivals.length > 0);
    await scaled.until(isPutOff);
    await scaled.scaleToNothing();
    expect(await isPutOff()).toBe(true);
    await scaled.until(() => scaled.count === 1);
    expect(Date.now()).toBeLessThan(openAt);
    const from = scaled.history.length;
    await scaled.until(async () => (await stateOf(batch)) === 'finished');
    expect(scaled.history.slice(from).every((wanted) => wanted === 1)).toBe(true);
    await expectExact(batch, 20);
  });

  it('has a worker before a schedule is due, and none long before', async () => {
    const due = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 25_000);
    const cron = [due.getUTCSeconds(), due.getUTCMinutes(), due.getUTCHours(), due.getUTCDate()];
    const file = await fleet.project.write('crawl.yaml', crawlFile(fleet.origin.url, 5));
    const add = ['schedule', 'add', file, '--cron', `${cron.join(' ')} * *`, '--id', 'yearly'];
    expect(await fleet.project.call(add)).toMatchObject({ code: 0 });
    await scaled.polled(3);
    expect(scaled.count).toBe(0);
    await scaled.until(() => scaled.count === 1);
    const leftMs = due.getTime() - Date.now();
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThan(15_000);
    const schedules = new ScheduleStore(fleet.redis, fleetKeys(fleet.name));
    const run = await eventually(async () => {
      const [first] = (await schedules.get('yearly'))?.runs ?? [];
      expect(first).toMatchObject({ state: 'started', at: due.getTime() });
      return first;
    });
    expect(run).not.toHaveProperty('isCaughtUp');
    const batch = run?.batch ?? '';
    await scaled.until(async () => (await stateOf(batch)) === 'finished');
    await expectExact(batch, 5);
  });

  it('has none for a paused batch, and one to tell that it was cancelled', async () => {
    await scaled.hold();
    const text = crawlFile(fleet.origin.url, 100, `notify: { url: ${fleet.origin.url}/told }`);
    const batch = await fleet.enqueue(text);
    expect(await fleet.project.call(['pause', batch])).toMatchObject({ code: 0 });
    scaled.resume();
    await scaled.polled(5);
    expect(scaled.history.every((count) => count === 0)).toBe(true);
    expect(await fleet.project.call(['cancel', batch])).toMatchObject({ code: 0 });
    await scaled.until(() => fleet.origin.arrivalsOf('/told').length === 1);
    expect(scaled.count).toBe(1);
    expect(fleet.origin.arrivals).toHaveLength(1);
  });
});
