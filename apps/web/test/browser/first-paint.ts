// Prints how long the overview takes to its first paint, with 2,000 batches in Redis: the median of
// five loads on loopback, each in a profile of its own. Beside it what a page of one word takes,
// which is the share of the machine.
import { closeResources, openResources, startOrigin, startRedis } from '@fetchfleet/testing';
import { manyBatches } from '../fleet-data.ts';
import { Chromium } from './chromium.ts';
import { PageFleet } from './page-fleet.ts';

const LOADS = 5;
const PAINT = `new Promise((resolve) => {
  new PerformanceObserver((list) => {
    const [found] = list.getEntriesByName('first-contentful-paint');
    if (found) resolve(found.startTime);
  }).observe({ type: 'paint', buffered: true });
})`;

const redis = await startRedis();
const fleet = await PageFleet.start({ url: redis.url, workers: 0 });
await manyBatches(fleet, { ended: 1_500, running: 500 });
const origin = await startOrigin();
origin.respond('/', { headers: { 'content-type': 'text/html' }, body: 'word' });
const chromium = await Chromium.start();
const paints: Record<string, number[]> = {
  [fleet.address]: [],
  [`${origin.url}/`]: [],
};
for (let load = 0; load < LOADS; load += 1) {
  for (const [address, found] of Object.entries(paints)) {
    const { page, context } = await chromium.open(address);
    found.push(Number(await page.evaluate(PAINT)));
    await context.close();
  }
}
const [overview, least] = Object.values(paints).map(
  (found) => found.toSorted((one, other) => one - other)[Math.floor(LOADS / 2)] ?? Number.NaN,
);
process.stdout.write(
  `first paint of the overview ${overview?.toFixed(0)} ms, of a page of one word ` +
    `${least?.toFixed(0)} ms: medians of ${LOADS}\n`,
);
await closeResources(openResources());
