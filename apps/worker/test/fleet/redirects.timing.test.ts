import {
  closeAfterEach,
  type Origin,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { mostInOneSecond, ratePerSecond, startPoliteOrigin } from '../origin/politeness-fixture.ts';
import { crawlFile, expectComplete, startFleet } from './fleet-fixture.ts';

closeAfterEach();

/** An origin that redirects everything to the same path of the target. */
async function startSource(target: string): Promise<Origin> {
  const source = await startOrigin();
  source.respond(/^\/x\//, (request, response) => {
    response.writeHead(302, { location: `${target}${request.url}` }).end();
  });
  return source;
}

it('origins that redirect to one use its rate, and no more than it', async () => {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  const target = await startPoliteOrigin({ delayMs: 5 });
  const sources = await Promise.all(
    Array.from({ length: 20 }, async () => startSource(target.url)),
  );
  const ports = sources.map(({ port }) => port).join(', ');
  const crawl = crawlFile('http://127.0.0.1:{port}/x/{n}', 15, {
    params: `{ port: [${ports}], n: { from: 0, to: 14 } }`,
    politeness: '{ rate: 20/s, robots: ignore }',
  });
  await fleet.enqueue('b', crawl, 15);
  await Promise.all([fleet.worker(), fleet.worker()]);
  await expectComplete({ fleet, results }, 'b', 300);
  const seen = await target.seen();
  expect(mostInOneSecond(seen)).toBeLessThanOrEqual(21);
  // The last ones come back when the line is over.
  expect(ratePerSecond(seen, 1)).toBeGreaterThan(12);
  const asked = sources.reduce((sum, { arrivals }) => sum + arrivals.length, 0);
  // What is sent away asks its source again.
  expect(asked).toBeLessThan(3 * 300);
  await target.stop();
});

it('a request for robots.txt counts at its origin like any other', async () => {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  const origin = await startOrigin();
  const politeness = '{ rate: 1/s, robots: obey }';
  await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, 2, { politeness }));
  await fleet.worker();
  await expectComplete({ fleet, results }, 'b', 2);
  const [robots, first, second] = origin.arrivals.map(({ at }) => at);
  // Starts are never early. The rest is for arrivals that the origin read late, on a busy machine.
  expect((first ?? 0) - (robots ?? 0)).toBeGreaterThan(500);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(500);
});
