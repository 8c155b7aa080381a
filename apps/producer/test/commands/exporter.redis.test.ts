import { fleetKeys, FleetOverview } from '@fetchfleet/fleet';
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

async function pageOf(address: string, path = 'metrics') {
  const response = await fetch(new URL(path, address));
  return { status: response.status, text: await response.text() };
}

describe('exporter', () => {
  it('serves the backlog of a fleet that has no worker, until it is interrupted', async () => {
    await fleet.enqueue(crawlFile(fleet.origin.url, 7));
    const running = await fleet.project.start(['exporter', '--port', '0', '--json']);
    const [, address = ''] = await running.waitForLine(/"address": ?"([^"]+)"/u);
    await eventually(async () => {
      const { text } = await pageOf(address);
      expect(text).toContain('fetchfleet_backlog_fetches{state="runnable"} 7\n');
    });
    const { text } = await pageOf(address);
    expect(text).toContain('fetchfleet_exporter 1\n');
    expect(text).toContain('process_cpu_seconds_total');
    // It can fetch nothing, and says nothing that a worker says of itself.
    expect(text).not.toMatch(/^fetchfleet_(?:concurrency|in_flight|build_info|fetches_total)/mu);
    expect(await pageOf(address, '/readyz')).toMatchObject({ status: 200 });

    const overview = new FleetOverview(fleet.redis, fleetKeys(fleet.name));
    expect(await overview.holdExport('w-1')).toBeUndefined();
    const { code } = await running.kill('SIGTERM');
    expect(code).toBe(130);
    // A worker need not wait for the end of the lease.
    expect(await overview.holdExport('w-1')).toBeGreaterThan(0);
  });

  it('says once what every scrape finds and passes over', async () => {
    await fleet.redis.sadd(fleetKeys(fleet.name).home.schedules, 'not a name');
    const running = await fleet.project.start(['exporter', '--port', '0']);
    const [address = ''] = await running.waitForLine(/http:\S+/u);
    const has = async (line: string): Promise<boolean> =>
      (await pageOf(address)).text.includes(line);
    await eventually(async () => has('fetchfleet_backlog_fetches{state="runnable"} 0\n'));
    await fleet.enqueue(crawlFile(fleet.origin.url, 7));
    await eventually(async () => has('fetchfleet_backlog_fetches{state="runnable"} 7\n'));
    await running.kill('SIGINT');
    expect(running.stderr.split('not a name')).toHaveLength(2);
  });

  it('leaves the gauges to a worker that has them, and takes over when that ends', async () => {
    const overview = new FleetOverview(fleet.redis, fleetKeys(fleet.name));
    await overview.holdExport('w-1');
    const running = await fleet.project.start(['exporter', '--port', '0']);
    const [address = ''] = await running.waitForLine(/http:\S+/u);
    const { text } = await pageOf(address);
    expect(text).toContain('fetchfleet_exporter 0\n');
    expect(text).not.toContain('fetchfleet_backlog_fetches');
    await overview.releaseExport('w-1');
    await eventually(async () =>
      expect((await pageOf(address)).text).toContain('fetchfleet_backlog_fetches'),
    );
    await running.kill('SIGINT');
  });

  it('names what is wrong with its address', async () => {
    const { code, stderr } = await fleet.project.call(['exporter', '--port', '99999']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--port')]);
  });
});
