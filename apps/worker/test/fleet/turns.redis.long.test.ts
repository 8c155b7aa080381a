import {
  closeAfterEach,
  eventually,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, startFleet } from './fleet-fixture.ts';

closeAfterEach();

const POLITE = { politeness: '{ rate: 20/s, concurrency: unlimited, robots: ignore }' };
/** What two workers may have of a batch when another one comes: a slice each. */
const FEW_SLICES = 100;

/** Two workers, and a batch `a` of one origin that takes minutes and is in the waitlist. */
async function setUp() {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  const origin = await startOrigin();
  await fleet.worker();
  await fleet.worker();
  await fleet.enqueue('a', crawlFile(`${origin.url}/a/{n}`, 3_000, POLITE));
  const { redis, keys } = fleet;
  const deferred = async (): Promise<number> => redis.zcard(keys.waitlist(origin.url));
  await eventually(async () => expect(await deferred()).toBeGreaterThan(40));
  return {
    fleet,
    deferred,
    enqueue: async (batch: string, total: number) =>
      fleet.enqueue(batch, crawlFile(`${origin.url}/${batch}/{n}`, total, POLITE)),
    started: (batch: string): number =>
      origin.arrivals.filter(({ url }) => url.startsWith(`/${batch}/`)).length,
  };
}

describe('batches that wait for one origin', () => {
  it('share its rate: a small one needs not wait for all of a big one', async () => {
    const { fleet, enqueue, started } = await setUp();
    const before = started('a');
    await enqueue('b', 20);
    await eventually(() => started('b') === 20);
    expect(started('a') - before).toBeLessThan(20 + FEW_SLICES);
    await fleet.finished('b');
  });

  it('share it while both are in the waitlist, and so does one that joins them', async () => {
    const { enqueue, started, deferred } = await setUp();
    const ofA = await deferred();
    await enqueue('b', 2_000);
    await eventually(async () => expect(await deferred()).toBeGreaterThan(ofA + 30));
    const before = { a: started('a'), b: started('b') };
    await eventually(() => started('a') + started('b') - before.a - before.b >= 300);
    const difference = started('a') - before.a - (started('b') - before.b);
    expect(Math.abs(difference)).toBeLessThan(FEW_SLICES);
    const others = started('a') + started('b');
    await enqueue('c', 1);
    await eventually(() => started('c') === 1);
    expect(started('a') + started('b') - others).toBeLessThan(FEW_SLICES);
  });
});
