import { countries } from '@fetchfleet/crawl/countries';
import { eventually } from '@fetchfleet/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startApi as start, stopApis } from './api-fixture.ts';

const KENYA = '/country/kenya/status/confirmed';

afterEach(stopApis);

/** The statuses of `count` requests, one after the other. */
async function statusesOf(
  get: (path: string) => Promise<Response>,
  path: string,
  count: number,
): Promise<number[]> {
  const statuses: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const response = await get(path);
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  return statuses;
}

describe('the series of a country', () => {
  it('is there for every ISO country, about 1.2 kB of daily points that say they are synthetic', async () => {
    const { get } = await start();
    const slugs = countries('slug');
    expect(slugs.length).toBeGreaterThanOrEqual(249);
    const bodies = await Promise.all(
      slugs.map(async (slug) => (await get(`/country/${slug}/status/confirmed`)).text()),
    );
    for (const [at, text] of bodies.entries()) {
      const points: unknown[] = JSON.parse(text);
      expect(points).toHaveLength(10);
      expect(points[0]).toMatchObject({
        Country: countries('name')[at],
        CountryCode: countries('alpha2')[at],
        Status: 'confirmed',
        Synthetic: true,
      });
      expect(text.length).toBeGreaterThan(1_000);
      expect(text.length).toBeLessThan(2_000);
    }
    expect(new Set(bodies).size).toBe(slugs.length);
  });

  it('is the same in another server', async () => {
    const [one, other] = [await start(), await start()];
    expect(await (await one.get(KENYA)).text()).toBe(await (await other.get(KENYA)).text());
  });

  it.each([2, 3, 500, 50_000, 1_000_000])(
    'is valid JSON of exactly %d bytes when asked for',
    async (bytes) => {
      const { get } = await start();
      const body = Buffer.from(await (await get(`${KENYA}?bytes=${bytes}`)).arrayBuffer());
      expect(body).toHaveLength(bytes);
      expect(Array.isArray(JSON.parse(body.toString()))).toBe(true);
    },
  );

  it('suggests the country that was meant', async () => {
    const response = await (await start()).get('/country/Kenia/status/confirmed');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ slug: 'Kenia', didYouMean: 'kenya' });
  });
});

describe('the dials', () => {
  it('hold every answer back by latency and up to jitter more', async () => {
    const { get } = await start({ latencyMs: 80, jitterMs: 20 });
    const before = performance.now();
    await get(KENYA);
    // Timers count whole milliseconds and may fire one early.
    expect(performance.now() - before).toBeGreaterThanOrEqual(79);
  });

  it('fail the same requests in every run, about the share that was asked for', async () => {
    const path = `${KENYA}?error=0.3&throttle=0.2`;
    const first = await statusesOf((await start()).get, path, 200);
    const second = await statusesOf((await start()).get, path, 200);
    expect(second).toEqual(first);
    const countOf = (status: number): number => first.filter((one) => one === status).length;
    expect(countOf(429)).toBeGreaterThan(20);
    expect(countOf(429)).toBeLessThan(65);
    expect(countOf(500)).toBeGreaterThan(25);
    expect(countOf(500)).toBeLessThan(80);
    expect(countOf(200) + countOf(429) + countOf(500)).toBe(200);
  });

  it('of the server hold for all requests, and a query changes them', async () => {
    const { get } = await start({ errors: 1 });
    expect((await get(KENYA)).status).toBe(500);
    expect((await get(`${KENYA}?error=0`)).status).toBe(200);
  });

  it('force a status, with Retry-After', async () => {
    const response = await (await start()).get(`${KENYA}?status=503&retryAfter=2`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
  });

  it.each([204, 304])('send no body with %d', async (status) => {
    const response = await (await start()).get(`${KENYA}?status=${status}`);
    expect(response.status).toBe(status);
    expect(await response.text()).toBe('');
  });

  it('answer what is above the limit of a second with 429 and Retry-After', async () => {
    const { api, get } = await start({ limitPerSecond: 5 });
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(KENYA)));
    const throttled = answers.filter((answer) => answer.status === 429);
    expect(throttled.every((answer) => answer.headers.get('retry-after') === '1')).toBe(true);
    const allowed = api
      .stats()
      .perSecond.reduce((sum, { arrivals }) => sum + Math.min(5, arrivals), 0);
    expect(answers.length - throttled.length).toBe(allowed);
  });

  it.each([
    ['latency=61s', '?latency: must be at most 60s, got "61s"'],
    ['error=2', '?error: must be at most 1, got "2"'],
    ['bytes=1', '?bytes: must be at least 2, got "1"'],
    ['status=', '?status: must be a number, got ""'],
    ['retryAfter=-1', '?retryAfter: must be at least 0, got "-1"'],
  ])('outside their range are refused: %s', async (query, problem) => {
    const response = await (await start()).get(`${KENYA}?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ problems: [problem] });
  });

  it('leave other query parameters alone', async () => {
    expect((await (await start()).get(`${KENYA}?year=2020`)).status).toBe(200);
  });
});

describe('the other pages', () => {
  it('list countries, allow robots, and say that all is well', async () => {
    const { get } = await start();
    expect(await (await get('/countries')).json()).toContainEqual({
      Country: 'Kenya',
      Slug: 'kenya',
      ISO2: 'KE',
    });
    expect(await (await get('/robots.txt')).text()).toBe('User-agent: *\nAllow: /\n');
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
  });

  it('answer 404 with what there is, and 405 to anything but reading', async () => {
    const { get } = await start();
    const missing = await get('/nothing');
    expect([missing.status, await missing.json()]).toEqual([
      404,
      expect.objectContaining({ paths: expect.arrayContaining(['/countries']) }),
    ]);
    expect((await get(KENYA, { method: 'DELETE' })).status).toBe(405);
    const head = await get(KENYA, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('count what was asked for: statuses, arrivals, most in flight', async () => {
    const { api, get } = await start();
    // Long enough for all of them to be there at once.
    await Promise.all(Array.from({ length: 8 }, () => get(`${KENYA}?latency=2s`)));
    await get(`${KENYA}?status=500`);
    const stats = await (await get('/stats')).json();
    expect(stats).toMatchObject({
      requests: 9,
      statuses: { 200: 8, 500: 1 },
      inFlight: 0,
      maxInFlight: 8,
    });
    const { perSecond, maxPerSecond } = api.stats();
    expect(perSecond.reduce((sum, { arrivals }) => sum + arrivals, 0)).toBe(9);
    expect(maxPerSecond).toBe(Math.max(...perSecond.map(({ arrivals }) => arrivals)));
  });

  it('no longer count a request in flight whose client went away', async () => {
    const { api, get } = await start();
    const gone = new AbortController();
    const asking = get(`${KENYA}?latency=60s`, { signal: gone.signal });
    await eventually(() => api.stats().inFlight === 1);
    gone.abort();
    await expect(asking).rejects.toThrow('aborted');
    await eventually(() => api.stats().inFlight === 0);
    expect(api.stats().statuses).toEqual({});
  });
});

describe('stopping', () => {
  it('is fine twice, and does not wait for a slow answer longer than its grace', async () => {
    const { api, get } = await start();
    // What a client sees of a connection that is cut.
    const cut = get(`${KENYA}?latency=60s`).catch((error: unknown) => error);
    await eventually(() => api.stats().inFlight === 1);
    await api.stop();
    await api.stop();
    expect(await cut).toHaveProperty('message', 'fetch failed');
  });
});
