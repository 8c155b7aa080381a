import { eventually } from '@fetchfleet/testing';
import { crawlOf, PageFleet } from './page-fleet.ts';

/** A view: where it is, and a text that stands there when it is complete. */
export interface View {
  readonly name: string;
  readonly address: string;
  readonly text: string;
}

interface BusyFleet {
  readonly fleet: PageFleet;
  readonly views: readonly View[];
}

const CITIES = ['oslo', 'lima', 'nairobi'];

/**
 * A fleet in which everything is to be seen at once: batches under way, paused and ended, failures,
 * an origin that is blocked, limits that were set, schedules.
 */
export async function busyFleet(url: string): Promise<BusyFleet> {
  const fleet = await PageFleet.start({
    url,
    name: 'main',
    workers: 3,
    api: ['--latency', '60ms', '--jitter', '80ms'],
  });
  const other = await fleet.startApi(['--latency', '20ms']);
  const down = await fleet.startApi();
  const items = `${fleet.api}/items/{n}`;
  for (const [at, name] of CITIES.entries()) {
    const crawl = await fleet.write(crawlOf(`${other}/items/{n}`, 120, { name }));
    await fleet.run('schedule', 'add', crawl, '--cron', `0 ${at + 2} * * *`);
    await fleet.run('schedule', 'run-now', name);
  }
  await fleet.run('schedule', 'pause', 'lima');
  const ended = await fleet.finish(
    crawlOf(items, 300, { name: 'prices', retry: '{ attempts: 1 }', keep: '{ headers: all }' }),
  );
  await fleet.run('origins', 'set', other, '--rate', '40/s', '--concurrency', '8');
  const paused = await fleet.begin(
    crawlOf(`${other}/items/{n}`, 2_000, { name: 'stock', politeness: '{ robots: ignore }' }),
  );
  await eventually(async () => (await fleet.settledOf(paused)) > 400);
  await fleet.run('pause', paused);
  await fleet.begin(crawlOf(`${down}/items/{n}?status=429&retryAfter=900`, 600, { name: 'news' }));
  const running = await fleet.begin(
    crawlOf('{+base}/items/{n}', 6_000, {
      name: 'countries',
      params: `{ base: ["${fleet.api}", "${other}"], n: { from: 1, to: 3000 } }`,
      retry: '{ attempts: 1 }',
      politeness: '{ rate: 60/s, robots: ignore }',
    }),
  );
  await eventually(async () => (await fleet.settledOf(running)) > 1_000);
  const records = `#/batches/${ended}/records`;
  const origin = encodeURIComponent(fleet.api);
  return {
    fleet,
    views: [
      { name: 'overview', address: '#/', text: 'is blocked' },
      { name: 'batches', address: '#/batches', text: ended },
      { name: 'batch', address: `#/batches/${running}`, text: 'HTTP 404' },
      { name: 'records', address: `${records}?text=items/24&open=240`, text: 'save the body' },
      { name: 'origins', address: `#/origins?open=${origin}`, text: 'in flight at most' },
      { name: 'workers', address: '#/workers', text: 'working' },
      { name: 'schedules', address: '#/schedules?open=oslo', text: 'by hand' },
      { name: 'new', address: '#/new', text: 'GET http' },
    ],
  };
}
