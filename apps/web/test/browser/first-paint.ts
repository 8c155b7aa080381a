// Prints how long the overview takes to its first paint, with 2,000 batches in Redis: the median of
// five loads on loopback, each in a profile of its own.
import { closeResources, openResources, startRedis } from '@fetchfleet/testing';
import { manyBatches } from '../fleet-data.ts';
import { Chromium } from './chromium.ts';
import { PageFleet } from './page-fleet.ts';

const LOADS = 5;
const PAINT = `performance.getEntriesByName('first-contentful-paint')[0]?.startTime`;

const redis = await startRedis();
const fleet = await PageFleet.start({ url: redis.url, workers: 0 });
await manyBatches(fleet, { ended: 1_500, running: 500 });
const chromium = await Chromium.start();
const paints: number[] = [];
for (let load = 0; load < LOADS; load += 1) {
  const { page, context } = await chromium.open(fleet.address);
  await page.getByRole('table', { name: 'Batches under way' }).waitFor();
  paints.push(Number(await page.evaluate(PAINT)));
  await context.close();
}
const [median] = paints.toSorted((one, other) => one - other).slice(Math.floor(LOADS / 2));
process.stdout.write(
  `first paint ${median?.toFixed(0)} ms, median of ${paints.map(Math.round).join(', ')}\n`,
);
await closeResources(openResources());
