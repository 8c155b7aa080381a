import { BatchRemoval, Origins, PausedSlices } from '@fetchfleet/fleet';
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

const RATE = 40;
const polite = (rate: number): Record<string, string> => ({
  politeness: `{ rate: ${rate}/s, concurrency: unlimited, robots: ignore }`,
});

/** Two workers, a batch `a` whose slices fill the waitlist, and a batch `b` behind it. */
async function setUp({
  rateOfA = RATE,
  delayMs = 20,
}: { readonly rateOfA?: number; readonly delayMs?: number } = {}) {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  const origin = await startOrigin({ delayMs });
  const workers = [await fleet.worker(), await fleet.worker()];
  await fleet.enqueue('a', crawlFile(`${origin.url}/a/{n}`, 3_000, polite(rateOfA)));
  const { redis, keys } = fleet;
  const waitlist = keys.waitlist(origin.url);
  await eventually(async () => expect(await redis.zcard(waitlist)).toBeGreaterThan(40));
  await fleet.enqueue('b', crawlFile(`${origin.url}/b/{n}`, 2_000, polite(RATE)));
  await eventually(async () => expect(await redis.zcard(waitlist)).toBeGreaterThan(60));
  const arrivedOf = (batches: readonly string[]): number =>
    origin.arrivals.filter(({ url }) => batches.some((batch) => url.startsWith(`/${batch}/`)))
      .length;
  return {
    fleet,
    workers,
    origin,
    waitlist,
    pausedSlices: new PausedSlices(redis, keys),
    /** The share of the rate that `batches` use from two seconds after now on. */
    shareOfRate: async (...batches: readonly string[]): Promise<number> => {
      const now = performance.now();
      await eventually(() => performance.now() - now > 2_000);
      const [before, from] = [arrivedOf(batches), performance.now()];
      await eventually(() => performance.now() - from > 3_000);
      const perSecond = ((arrivedOf(batches) - before) * 1_000) / (performance.now() - from);
      return perSecond / RATE;
    },
  };
}

describe('a batch keeps the pace of its origin', () => {
  it('when another one is paused, resumed and cancelled by commands', async () => {
    const { fleet, pausedSlices, shareOfRate } = await setUp();
    await fleet.ledger.pause('a');
    await pausedSlices.withdraw('a');
    expect(await shareOfRate('b')).toBeGreaterThan(0.75);
    await fleet.ledger.unpause('a');
    await pausedSlices.requeue('a');
    expect(await shareOfRate('a', 'b')).toBeGreaterThan(0.75);
    await fleet.ledger.cancel('a');
    await pausedSlices.removeAll('a');
    expect(await shareOfRate('b')).toBeGreaterThan(0.75);
  });

  it('when the command that cancels another one is killed before it cleans up', async () => {
    const { fleet, shareOfRate, waitlist } = await setUp();
    await fleet.ledger.cancel('a');
    expect(await shareOfRate('b')).toBeGreaterThan(0.75);
    const members = await fleet.redis.zrange(waitlist, 0, '-1');
    expect(members.filter((slice) => slice.startsWith('a.'))).toEqual([]);
  });

  it('when the slices of another one vanish without a word', async () => {
    const { fleet, shareOfRate } = await setUp();
    const { redis, keys } = fleet;
    const delayed = await redis.zrange(keys.home.queue('delayed'), 0, '-1');
    const ofA = delayed.filter((slice) => slice.startsWith('a.'));
    await redis.zrem(keys.home.queue('delayed'), ...ofA);
    await redis.del(...ofA.map((slice) => keys.home.queue(slice)));
    expect(await shareOfRate('a', 'b')).toBeGreaterThan(0.75);
  });

  it('when a stricter one is cancelled', async () => {
    const { fleet, pausedSlices, shareOfRate } = await setUp({ rateOfA: 2 });
    await fleet.ledger.cancel('a');
    await pausedSlices.removeAll('a');
    expect(await shareOfRate('b')).toBeGreaterThan(0.75);
  });

  it('when another one is cancelled and pruned', async () => {
    const { fleet, shareOfRate } = await setUp();
    await fleet.ledger.cancel('a');
    expect(await new BatchRemoval(fleet.redis, fleet.keys).begin('a')).toBe(true);
    expect(await shareOfRate('b')).toBeGreaterThan(0.75);
  });

  it('when limits are lowered and raised', async () => {
    const { fleet, origin, shareOfRate } = await setUp();
    const origins = new Origins(fleet.redis, fleet.keys);
    await origins.set(origin.url, { rate: { count: RATE / 4, perMs: 1_000 } });
    const lowered = await shareOfRate('a', 'b');
    expect(lowered).toBeGreaterThan(0.75 / 4);
    expect(lowered).toBeLessThan(1.25 / 4);
    await origins.set(origin.url, { rate: { count: RATE, perMs: 1_000 } });
    expect(await shareOfRate('a', 'b')).toBeGreaterThan(0.75);
  });

  it('when a worker is killed', async () => {
    const { workers, shareOfRate } = await setUp();
    await workers[0]?.kill('SIGKILL');
    expect(await shareOfRate('a', 'b')).toBeGreaterThan(0.75);
  });
});

describe('the fetches of a killed worker', () => {
  it('come first at their origin when they are queued again', async () => {
    const { fleet, workers, origin } = await setUp({ delayMs: 500 });
    await workers[0]?.kill('SIGKILL');
    const killedAt = performance.now();
    const indexesOf = (batch: string): number[] =>
      origin.arrivals
        .filter(({ url }) => url.startsWith(`/${batch}/`))
        .map(({ url }) => Number(url.slice(3)));
    const asked = { a: indexesOf('a'), b: indexesOf('b') };
    await eventually(async () => {
      for (const [batch, indexes] of Object.entries(asked)) {
        expect(await fleet.ledger.areSettled(batch, indexes)).not.toContain(false);
      }
    });
    // Queued again within 15 s. The rest of a slice of another worker may go before them.
    expect(performance.now() - killedAt).toBeLessThan(20_000);
    expect(await fleet.redis.zcard(fleet.keys.waitlist(origin.url))).toBeGreaterThan(20);
  });
});
