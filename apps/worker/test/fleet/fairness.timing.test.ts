import {
  closeAfterEach,
  eventually,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, type Fleet, range, recordedIndexes, startFleet } from './fleet-fixture.ts';

closeAfterEach();

const BIG = 100_000;

async function setUp() {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  return { results, fleet };
}

async function settledOf(fleet: Fleet, id: string): Promise<number> {
  return (await fleet.ledger.status(id))?.settled ?? 0;
}

/** Two workers have a big batch well under way. */
async function startBig(fleet: Fleet, url: string, total = BIG): Promise<void> {
  await fleet.enqueue('big', crawlFile(`${url}/big/{n}`, total));
  await fleet.worker(['--transport', 'native', '--concurrency', '30']);
  await fleet.worker(['--transport', 'native', '--concurrency', '30']);
  await eventually(async () => (await settledOf(fleet, 'big')) >= 1_000);
}

describe('a small batch', () => {
  it('of 10 fetches finishes within seconds while one of 100,000 runs at the same origin', async () => {
    const { results, fleet } = await setUp();
    const origin = await startOrigin({ delayMs: 40 });
    await startBig(fleet, origin.url);

    const before = await settledOf(fleet, 'big');
    const startedAt = performance.now();
    await fleet.enqueue('small', crawlFile(`${origin.url}/small/{n}`, 10));
    await fleet.finished('small');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    // Not by the clock alone: hardly more than what was claimed already went before it.
    expect((await settledOf(fleet, 'big')) - before).toBeLessThan(4_000);
    expect(await recordedIndexes(results, 'small')).toEqual(range(10));
    expect(await fleet.ledger.state('big')).toBe('running');
  });

  it('is not held up by a batch of many origins either', async () => {
    const { results, fleet } = await setUp();
    const origins = await Promise.all(range(20).map(async () => startOrigin({ delayMs: 40 })));
    const ports = origins.map(({ port }) => port).join(', ');
    await fleet.enqueue(
      'wide',
      crawlFile('http://127.0.0.1:{port}/wide/{n}', 1_500, {
        params: `{ n: { from: 0, to: 1499 }, port: [${ports}] }`,
      }),
    );
    await fleet.worker(['--transport', 'native', '--concurrency', '30']);
    await eventually(async () => (await settledOf(fleet, 'wide')) >= 500);

    const before = await settledOf(fleet, 'wide');
    await fleet.enqueue('small', crawlFile(`${origins[0]?.url ?? ''}/small/{n}`, 10));
    await fleet.finished('small');
    expect((await settledOf(fleet, 'wide')) - before).toBeLessThan(4_000);
    expect(await recordedIndexes(results, 'small')).toEqual(range(10));
    expect(await fleet.ledger.state('wide')).toBe('running');
  });
});

describe('an origin', () => {
  it('gets its share although everything of another one was queued before it', async () => {
    const { fleet } = await setUp();
    const [first, second] = [
      await startOrigin({ delayMs: 40 }),
      await startOrigin({ delayMs: 40 }),
    ];
    // All of the first port comes before all of the second.
    await fleet.enqueue(
      'two',
      crawlFile('http://127.0.0.1:{port}/{n}', 20_000, {
        params: `{ port: [${first.port}, ${second.port}], n: { from: 0, to: 19999 } }`,
      }),
    );
    await fleet.worker(['--transport', 'native', '--concurrency', '60']);
    await eventually(() => first.arrivals.length + second.arrivals.length >= 4_000);
    const [a, b] = [first.arrivals.length, second.arrivals.length];
    expect(Math.min(a, b) / Math.max(a, b)).toBeGreaterThan(0.7);
  });
});
