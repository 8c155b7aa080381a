import type { View } from './busy-fleet.ts';
import { crawlOf, type PageFleet } from './page-fleet.ts';

/** Brings a fleet into a state in which every view has something to show. @returns the views */
export async function fillViews(fleet: PageFleet): Promise<View[]> {
  const url = `${fleet.api}/items/{n}`;
  const nightly = await fleet.write(crawlOf(url, 20, { name: 'nightly' }));
  await fleet.run('schedule', 'add', nightly, '--cron', '0 2 * * *');
  await fleet.run('schedule', 'run-now', 'nightly');
  const failed = await fleet.finish(
    crawlOf(url, 300, { name: 'partly', retry: '{ attempts: 1 }', keep: '{ headers: all }' }),
  );
  const running = await fleet.begin(
    crawlOf(url, 250, { name: 'slow', politeness: '{ rate: 12/m, robots: ignore }' }),
  );
  const origin = encodeURIComponent(fleet.api);
  const records = `#/batches/${failed}/records`;
  return [
    { name: 'overview', address: '#/', text: running },
    { name: 'batches', address: '#/batches', text: failed },
    { name: 'batch', address: `#/batches/${running}`, text: 'What happened' },
    { name: 'failed', address: `#/batches/${failed}`, text: 'HTTP 404' },
    { name: 'records', address: records, text: '100 of 300' },
    { name: 'filtered', address: `${records}?outcome=failed&status=404`, text: '50 of 50' },
    { name: 'record', address: `${records}?text=items/17&open=16`, text: '"item 17"' },
    { name: 'origins', address: '#/origins', text: fleet.api },
    { name: 'origin', address: `#/origins?open=${origin}`, text: 'in flight at most' },
    { name: 'workers', address: '#/workers', text: 'working' },
    { name: 'schedules', address: '#/schedules', text: '0 2 * * *' },
    { name: 'schedule', address: '#/schedules?open=nightly', text: 'by hand' },
    { name: 'new', address: '#/new', text: 'GET http' },
    { name: 'new-schedule', address: '#/new?as=schedule', text: 'Runs at' },
    { name: 'nowhere', address: '#/nowhere', text: 'There is no view' },
  ];
}
