import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;

beforeEach(async () => {
  fleet = await FleetProject.create();
  await Promise.all([fleet.worker(['--concurrency', '10']), fleet.worker(['--concurrency', '10'])]);
});

afterEach(async () => fleet.remove());

installLeakGuard();

describe('on all workers', () => {
  it('a paused batch starts no fetch after 2 s, and a resumed one starts again within 5 s', async () => {
    const { origin } = fleet;
    origin.respond(/^\/echo/u, { delayMs: 300, body: '{}' });
    const id = await fleet.enqueue(crawlFile(origin.url, 20_000));
    await eventually(() => origin.arrivals.length > 60);
    await fleet.json('pause', id);
    const pausedAt = performance.now();
    await eventually(() => performance.now() - pausedAt > 2_500);
    expect(origin.arrivals.filter(({ at }) => at > pausedAt + 2_000)).toEqual([]);
    const arrivals = origin.arrivals.length;
    const resuming = fleet.json('resume', id);
    await eventually(async () => (await fleet.ledger.state(id)) === 'running');
    const resumedAt = performance.now();
    await eventually(() => origin.arrivals.length > arrivals + 50);
    expect(performance.now() - resumedAt).toBeLessThan(5_000);
    await resuming;
    await fleet.json('cancel', id);
  });

  it('a cancelled batch stops its running fetches within 2 s', async () => {
    const { origin } = fleet;
    origin.respond(/^\/echo/u, async () => new Promise(() => undefined));
    const id = await fleet.enqueue(crawlFile(origin.url, 20_000));
    await eventually(() => origin.inFlight === 20);
    await fleet.json('cancel', id);
    const cancelledAt = performance.now();
    await eventually(() => origin.inFlight === 0);
    expect(performance.now() - cancelledAt).toBeLessThan(2_000);
  });
});
