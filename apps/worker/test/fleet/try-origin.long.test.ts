import { HeldSlices, Origins, tryOrigin, Waitlist } from '@fetchfleet/fleet';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, type Fleet, recordedIndexes, range, setUpFleet } from './fleet-fixture.ts';

closeAfterEach();

const FETCHES = 60;
const AN_HOUR = { status: 429, headers: { 'retry-after': '3600' } };

function controlsOf({ redis, keys, queue }: Fleet, url: string) {
  const origins = new Origins(redis, keys);
  const waitlist = new Waitlist(redis, keys);
  const heldSlices = new HeldSlices(redis, keys);
  return {
    origins,
    tryNow: async () => tryOrigin({ origins, waitlist, heldSlices, queue }, url),
    /** All slices have left the workers. */
    isLeft: async () => {
      const { delayed = 0, active = 0, waiting = 0 } = await queue.counts();
      return delayed > 0 && active + waiting === 0;
    },
    events: async () => (await origins.detail(url)).events.map(({ event }) => event),
  };
}

describe('an origin that has asked for an hour of rest', () => {
  it('gets one fetch when it is tried, and the others once that is answered', async () => {
    const { results, fleet, origin } = await setUpFleet();
    const { origins, tryNow, isLeft, events } = controlsOf(fleet, origin.url);
    origin.respond(/./u, AN_HOUR);
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, FETCHES), 10);
    await fleet.worker();
    await fleet.worker();
    await eventually(isLeft);
    // Those that it has refused and those that it has not seen.
    expect(await origins.status(origin.url)).toMatchObject({ waiting: FETCHES });
    const before = origin.arrivals.length;
    const { promise: isChecked, resolve: answer } = Promise.withResolvers<void>();
    origin.respond(/./u, async (_request, response) => {
      await isChecked;
      response.end('{}');
    });
    expect(await tryNow()).toEqual({ ended: ['block'], woken: expect.any(Number) });
    await eventually(() => expect(origin.inFlight).toBe(1));
    expect(await origins.status(origin.url)).toMatchObject({ breaker: 'half-open', inUse: 1 });
    expect(origin.arrivals).toHaveLength(before + 1);
    answer();
    await fleet.finished('b');
    expect(await recordedIndexes(results, 'b')).toEqual(range(FETCHES));
    expect(await events()).toEqual(['closed', 'half-open', 'tried', 'blocked']);
  });

  it('rests again if it still refuses, and gets no second fetch', async () => {
    const { fleet, origin } = await setUpFleet();
    const { origins, tryNow, isLeft, events } = controlsOf(fleet, origin.url);
    origin.respond(/./u, AN_HOUR);
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, FETCHES), 10);
    await fleet.worker();
    await eventually(isLeft);
    const before = origin.arrivals.length;
    await tryNow();
    await eventually(async () => expect((await events())[1]).toBe('half-open'));
    await eventually(isLeft);
    expect(origin.arrivals).toHaveLength(before + 1);
    expect((await origins.status(origin.url))?.blockedMs).toBeGreaterThan(3_500_000);
    expect(await events()).toEqual(['blocked', 'half-open', 'tried', 'blocked']);
  });

  it('has its robots.txt asked for again, for which all slices wait', async () => {
    const { results, fleet, origin } = await setUpFleet();
    const { origins, tryNow, isLeft } = controlsOf(fleet, origin.url);
    origin.respond('/robots.txt', AN_HOUR);
    const politeness = '{ robots: obey }';
    await fleet.enqueue('b', crawlFile(`${origin.url}/{n}`, FETCHES, { politeness }), 10);
    await fleet.worker();
    await eventually(isLeft);
    expect((await origins.detail(origin.url)).robots).toMatchObject({ state: 'unreachable' });
    // It is listed, although no fetch has ever waited there.
    await eventually(async () =>
      expect(await origins.list()).toMatchObject([
        { origin: origin.url, blockedFor: expect.any(String) },
      ]),
    );
    origin.respond('/robots.txt', { status: 404 });
    expect(await tryNow()).toEqual({ ended: ['block', 'robots.txt'], woken: 6 });
    await fleet.finished('b');
    expect(await recordedIndexes(results, 'b')).toEqual(range(FETCHES));
    expect((await origins.detail(origin.url)).robots).toMatchObject({ state: 'none' });
  });
});
