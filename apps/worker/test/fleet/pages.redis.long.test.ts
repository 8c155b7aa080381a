import { closeAfterEach, eventually, type Running, startOrigin } from '@fetchfleet/testing';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Fleet,
  crawlFile,
  metricsOf,
  range,
  readRecords,
  setUpFleet,
} from './fleet-fixture.ts';
import { pagesIn, pagesOf, startPagedOrigin, STYLES } from './paged-origin.ts';

closeAfterEach();

const TOTAL = 12;
function linkTo(url: string) {
  return { headers: { link: `<${url}>; rel=next` }, body: url };
}

const lengthOf = (n: number): number => 1 + (n % 5);

describe.each(['got', 'native'])('fetches with pages, over %s', (transport) => {
  let shared: { readonly results: string; readonly fleet: Fleet };
  beforeAll(async () => {
    shared = await setUpFleet();
    await shared.fleet.worker(['--transport', transport]);
  });

  it.each([
    ['link', 0, 'no-next'],
    ['url', 0, 'no-next'],
    ['cursor', 0, 'no-next'],
    ['counter', 1, 'until'],
    ['not-found', 1, 'not-found'],
    ['json', 0, 'no-next'],
  ] as const)('by %s have each page once', async (style, more, end) => {
    const { fleet, results } = shared;
    const origin = await startPagedOrigin({ lengthOf });
    const batch = `${style}-${transport}`;
    await fleet.enqueue(batch, crawlFile('', TOTAL, STYLES[style](origin)), 3);
    const status = await fleet.finished(batch);
    const expected = pagesOf(TOTAL, (n) => lengthOf(n) + more, end);
    expect(status).toMatchObject({ ok: TOTAL, failed: 0, pages: expected.length });
    expect(await pagesIn(results, batch)).toEqual(expected);
    expect([...origin.asked.values()]).toEqual(expected.map(() => 1));
    expect(await fleet.redis.exists(fleet.keys.pages(batch))).toBe(0);
  });
});

describe('a chain of pages', () => {
  let shared: { readonly results: string; readonly fleet: Fleet };
  let worker: Running;
  beforeAll(async () => {
    shared = await setUpFleet();
    worker = await shared.fleet.worker([], { FETCHFLEET_SECRET_T: 'very-secret' });
  });

  it('goes on at another origin after its robots.txt, without headers that may be secret', async () => {
    const { fleet, results } = shared;
    const [here, there] = [await startOrigin(), await startOrigin()];
    there.respond('/robots.txt', { body: 'user-agent: *\ndisallow: /private' });
    here.respond('/0', linkTo(`${there.url}/a`));
    there.respond('/a', linkTo(`${here.url}/back`));
    here.respond('/back', { body: 'end' });
    here.respond('/1', linkTo(`${there.url}/private`));
    const headers =
      '{ authorization: "Bearer ${env:FETCHFLEET_SECRET_T}", x-own: "1", accept: text/plain }';
    const politeness = '{ robots: obey }';
    const extra = { headers, politeness, paginate: '{ next: link }' };
    await fleet.enqueue('elsewhere', crawlFile(`${here.url}/{n}`, 2, extra));
    expect(await fleet.finished('elsewhere')).toMatchObject({ ok: 1, failed: 1 });
    expect(await pagesIn(results, 'elsewhere')).toEqual([
      '0.1',
      '0.2',
      '0.3 no-next',
      '1.1',
      '1.2 failed',
    ]);
    const denied = (await readRecords(results, 'elsewhere')).find(({ end }) => end === 'failed');
    expect(denied).toMatchObject({
      outcome: 'robots-denied',
      url: `${there.url}/private`,
      attempts: 0,
    });
    const first = here.arrivalsOf('/0')[0]?.headers;
    expect(first).toMatchObject({ authorization: 'Bearer very-secret', 'x-own': '1' });
    for (const { headers: sent } of [...there.arrivalsOf('/a'), ...here.arrivalsOf('/back')]) {
      expect(sent).toMatchObject({ accept: 'text/plain' });
      expect([sent['authorization'], sent['x-own']]).toEqual([undefined, undefined]);
    }
    expect(there.arrivals.map(({ path }) => path)).toEqual(['/robots.txt', '/a']);
  });

  it('ends with a failure where the next page cannot be asked for', async () => {
    const { fleet, results } = shared;
    const origin = await startOrigin();
    origin.respond('/0', { headers: { link: '<ftp://127.0.0.1/x>; rel=next' } });
    origin.respond('/1', { headers: { link: '<http://169.254.169.254/x>; rel=next' } });
    const extra = { paginate: '{ next: link }' };
    await fleet.enqueue('bad', crawlFile(`${origin.url}/{n}`, 2, extra));
    expect(await fleet.finished('bad')).toMatchObject({
      outcomes: { 'bad-redirect': 1, 'address-refused': 1 },
    });
    const records = await readRecords(results, 'bad');
    expect(records.filter(({ end }) => end === 'bad-next')).toMatchObject([
      { page: 2, url: 'ftp://127.0.0.1/x', error: { code: 'NEXT_SCHEME' } },
      { page: 2, url: 'http://169.254.169.254/x', error: { code: 'ADDRESS_REFUSED' } },
    ]);
    expect(await fleet.redis.exists(fleet.keys.pages('bad'))).toBe(0);
  });

  it('goes on with the page that failed when it is retried, each page with its attempts', async () => {
    const { fleet, results } = shared;
    const before = await pagesCounted(worker);
    let isDown = true;
    const origin = await startPagedOrigin({ lengthOf: () => 4 });
    let tries = 0;
    origin.respond(/page=3/, (_, response) => {
      tries += 1;
      response.writeHead(isDown ? 500 : 200, { link: '<?page=4>; rel=next' }).end('3');
    });
    const extra = { ...STYLES.link(origin), retry: '{ attempts: 2, backoff: 1ms }' };
    const crawl = crawlFile('', 1, extra);
    await fleet.enqueue('again', crawl);
    expect(await fleet.finished('again')).toMatchObject({ failed: 1, pages: 2 });
    expect(await pagesIn(results, 'again')).toEqual(['0.1', '0.2', '0.3 failed']);
    expect([tries, await fleet.redis.hlen(fleet.keys.pages('again'))]).toEqual([2, 1]);
    isDown = false;
    await fleet.ledger.retry('again');
    await fleet.enqueue('again', crawl);
    expect(await fleet.finished('again')).toMatchObject({ ok: 1, failed: 0, pages: 4 });
    // The page that failed has two records.
    expect((await pagesCounted(worker)) - before).toBe(5);
    expect(await pagesIn(results, 'again')).toEqual([
      '0.1',
      '0.2',
      '0.3 failed',
      '0.3',
      '0.4 no-next',
    ]);
    expect([...origin.asked]).toEqual([
      ['/link/0 1', 1],
      ['/link/0 2', 1],
      ['/link/0 4', 1],
    ]);
  });

  it('begins anew where its cursor in Redis is not valid', async () => {
    const { fleet, results } = shared;
    const origin = await startPagedOrigin({ lengthOf: () => 2 });
    await fleet.redis.hset(fleet.keys.pages('forged'), { 0: '7 {"next":7}', 1: 'x' });
    await fleet.enqueue('forged', crawlFile('', 2, STYLES.link(origin)));
    expect(await fleet.finished('forged')).toMatchObject({ ok: 2 });
    expect(await pagesIn(results, 'forged')).toEqual(pagesOf(2, () => 2, 'no-next'));
  });

  it('holds up neither the short ones of its slice, nor those of others', async () => {
    const { fleet } = shared;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const long = await startPagedOrigin({
      lengthOf: (n) => (n % 10 === 0 ? 150 : 1),
      // Long chains do not end before the others have.
      onAsked: async (_, page) => (page === 100 ? released : undefined),
    });
    const politeness = '{ concurrency: 4, robots: ignore }';
    const extra = { ...STYLES.link(long), politeness };
    await fleet.enqueue('long', crawlFile('', 40, extra), 20);
    await eventually(() => expect(long.asked.size).toBeGreaterThan(10));
    const short = await startPagedOrigin({ lengthOf: () => 1 });
    await fleet.enqueue('short', crawlFile('', 40, { ...STYLES.link(short), politeness }), 20);
    await fleet.finished('short');
    await eventually(async () => expect((await fleet.ledger.status('long'))?.settled).toBe(36));
    release();
    expect(await fleet.finished('long')).toMatchObject({ ok: 40, pages: 636 });
    expect([...long.asked.values()]).toEqual(range(636).map(() => 1));
  });
});

async function pagesCounted(worker: Parameters<typeof metricsOf>[0]): Promise<number> {
  return Number(/^fetchfleet_pages_total (\d+)$/m.exec(await metricsOf(worker))?.[1]);
}
