import type { FetchRecord } from '@fetchfleet/crawl';
import { Origins } from '@fetchfleet/fleet';
import {
  closeAfterEach,
  eventually,
  type Origin,
  redisUrl,
  startOrigin,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, expectComplete, readRecords, settled, startFleet } from './fleet-fixture.ts';

closeAfterEach();

async function setUp() {
  const { path: results } = await temporaryFolder();
  const fleet = await startFleet(redisUrl(), results);
  return { results, fleet };
}

/** Answers `/go/…` with a redirect to the same path of another origin, below `/end/`. */
function redirectTo(source: Origin, target: Pick<Origin, 'url'>, folder = 'end'): void {
  source.respond(/^\/go\//, (request, response) => {
    const path = request.url?.replace(/^\/go\//, `/${folder}/`);
    response.writeHead(302, { location: `${target.url}${path}` }).end();
  });
}

function pagesOf(origin: Origin): number {
  return origin.arrivals.filter(({ path }) => path !== '/robots.txt').length;
}

/** Many origins that redirect to one: one value of the parameter `port` each. */
async function startSources(count: number, target: Origin): Promise<readonly Origin[]> {
  const sources = await Promise.all(Array.from({ length: count }, async () => startOrigin()));
  for (const source of sources) {
    redirectTo(source, target);
  }
  return sources;
}

function crawlOf(sources: readonly Origin[], each: number, politeness: string): string {
  const ports = sources.map(({ port }) => port).join(', ');
  return crawlFile('http://127.0.0.1:{port}/go/{n}', each, {
    params: `{ port: [${ports}], n: { from: 0, to: ${each - 1} } }`,
    politeness,
  });
}

const WORKER = ['--transport', 'native'] as const;

function isDenied({ params: { n } }: FetchRecord): boolean {
  return Number(n) % 2 === 0;
}

describe('robots.txt forbids where a redirect leads', () => {
  it.each(['got', 'native'])('and nothing is sent there, over %s', async (transport) => {
    const { results, fleet } = await setUp();
    const [here, there] = [await startOrigin(), await startOrigin()];
    const rules = 'user-agent: *\ndisallow: /private/\n';
    here.respond('/robots.txt', { body: rules });
    there.respond('/robots.txt', { body: rules });
    here.respond(/^\/(in|out)\//, (request, response) => {
      const [, way, n] = request.url?.split('/') ?? [];
      const target = way === 'in' ? here : there;
      const folder = Number(n) % 2 === 0 ? 'private' : 'open';
      response.writeHead(307, { location: `${target.url}/${folder}/${n}` }).end();
    });
    const crawl = crawlFile(`${here.url}/{way}/{n}`, 4, {
      params: '{ way: [in, out], n: { from: 0, to: 3 } }',
      politeness: '{ robots: obey }',
    });
    await fleet.enqueue('b', crawl);
    await fleet.worker(['--transport', transport]);
    await fleet.finished('b');
    const records = await readRecords(results, 'b');
    const targetOf = ({ params: { way } }: FetchRecord): string =>
      way === 'in' ? here.url : there.url;
    expect(records).toHaveLength(8);
    for (const record of records.filter(isDenied)) {
      expect(record).toMatchObject({
        outcome: 'robots-denied',
        attempts: 1,
        finalUrl: `${targetOf(record)}/private/${record.params['n']}`,
        error: { code: 'ROBOTS_DENIED', message: expect.stringContaining(targetOf(record)) },
      });
    }
    for (const record of records.filter((one) => !isDenied(one))) {
      const finalUrl = `${targetOf(record)}/open/${record.params['n']}`;
      expect(record).toMatchObject({ outcome: 'ok', finalUrl });
    }
    const asked = [...here.arrivals, ...there.arrivals].map(({ path }) => path);
    expect(asked.filter((path) => path.startsWith('/private/'))).toEqual([]);
    expect(there.arrivalsOf('/robots.txt')).toHaveLength(1);
  });

  it('is asked of every origin on the way, and waited for while it cannot be had', async () => {
    const { results, fleet } = await setUp();
    const [first, second, third] = [await startOrigin(), await startOrigin(), await startOrigin()];
    redirectTo(first, second, 'go');
    redirectTo(second, third);
    let tries = 0;
    third.respond('/robots.txt', (_request, response) => {
      tries += 1;
      response.writeHead(tries < 3 ? 503 : 404).end();
    });
    await fleet.enqueue(
      'b',
      crawlFile(`${first.url}/go/{n}`, 6, {
        politeness: '{ robots: obey }',
        retry: '{ attempts: 1, backoff: 50ms }',
      }),
    );
    await fleet.worker(WORKER);
    await expectComplete({ fleet, results }, 'b', 6);
    expect([second, third].map((origin) => origin.arrivalsOf('/robots.txt').length)).toEqual([
      1, 3,
    ]);
    expect((await readRecords(results, 'b')).map(({ attempts }) => attempts)).toEqual(
      Array.from({ length: 6 }, () => 1),
    );
  });
});

describe('many origins that redirect to one', () => {
  it('keep within its concurrency, whatever their own number and that of workers', async () => {
    const { results, fleet } = await setUp();
    const target = await startOrigin({ delayMs: 20 });
    const sources = await startSources(12, target);
    await fleet.enqueue('b', crawlOf(sources, 10, '{ concurrency: 2, robots: ignore }'), 10);
    await Promise.all([fleet.worker(WORKER), fleet.worker(WORKER)]);
    await expectComplete({ fleet, results }, 'b', 120);
    expect(target.maxInFlight).toBe(2);
    expect(pagesOf(target)).toBe(120);
  });

  it('are blocked neither by its 429, nor does one of them get past it', async () => {
    const { results, fleet } = await setUp();
    const target = await startOrigin();
    const [source] = await startSources(1, target);
    if (source === undefined) {
      throw new Error('no source');
    }
    let isOpen = false;
    target.respond(/^\/end\//, (_request, response) => {
      response.writeHead(isOpen ? 200 : 429, isOpen ? {} : { 'retry-after': '2' }).end();
    });
    source.respond(/^\/go\/1?[0-9]$/, (request, response) => {
      const n = Number(request.url?.split('/')[2]);
      if (n % 2 === 0) {
        response.writeHead(302, { location: `${target.url}/end/${n}` }).end();
      } else {
        response.end('here');
      }
    });
    const crawl = crawlFile(`${source.url}/go/{n}`, 20, {
      politeness: '{ concurrency: 1, robots: ignore, patience: 5m }',
    });
    await fleet.enqueue('b', crawl);
    await fleet.worker(WORKER);
    // Every second one needs nothing of the target.
    await settled(fleet, 'b', 10);
    const origins = new Origins(fleet.redis, fleet.keys);
    const states = await origins.list([source.url, target.url]);
    const blocked = states.filter(({ blockedUntil }) => blockedUntil !== undefined);
    expect(blocked.map(({ origin }) => origin)).toEqual([target.url]);
    const refusedBefore = pagesOf(target);
    expect(refusedBefore).toBeLessThan(4);
    isOpen = true;
    await expectComplete({ fleet, results }, 'b', 20);
    expect(new Set((await readRecords(results, 'b')).map(({ attempts }) => attempts))).toEqual(
      new Set([1]),
    );
  });

  it('do not wait for each other when they redirect in a circle', async () => {
    const { results, fleet } = await setUp();
    const [one, two] = [await startOrigin({ delayMs: 5 }), await startOrigin({ delayMs: 5 })];
    redirectTo(one, two);
    redirectTo(two, one);
    const politeness = '{ concurrency: 1, robots: ignore }';
    await fleet.enqueue('b', crawlOf([one, two], 40, politeness));
    // One permit of the worker as well: a fetch that waits for its hop must not keep it.
    await fleet.worker([...WORKER, '--concurrency', '1']);
    await expectComplete({ fleet, results }, 'b', 80);
    expect([one.maxInFlight, two.maxInFlight]).toEqual([1, 1]);
  });

  it('lose nothing when the worker is stopped while they wait', async () => {
    const { results, fleet } = await setUp();
    const target = await startOrigin();
    const sources = await startSources(4, target);
    const held = Promise.withResolvers<void>();
    let isHolding = true;
    target.respond(/^\/end\//, async (_request, response) => {
      if (isHolding) {
        await held.promise;
      }
      response.end('there');
    });
    await fleet.enqueue('b', crawlOf(sources, 5, '{ concurrency: 1, robots: ignore }'), 5);
    const worker = await fleet.worker([...WORKER, '--drain-timeout', '1s']);
    // One is in flight at the target, and others wait for their turn there.
    await eventually(() => expect(target.inFlight).toBe(1));
    await eventually(() => expect(sources.map(pagesOf).every((pages) => pages > 0)).toBe(true));
    await worker.kill('SIGTERM');
    isHolding = false;
    held.resolve();
    await fleet.worker(WORKER);
    await expectComplete({ fleet, results }, 'b', 20);
  });
});

describe('a request for robots.txt', () => {
  it('counts at the origin to which it is redirected', async () => {
    const { results, fleet } = await setUp();
    const [origin, other] = [await startOrigin(), await startOrigin()];
    const location = `${other.url}/elsewhere.txt`;
    origin.respond('/robots.txt', { status: 301, headers: { location } });
    other.respond('/elsewhere.txt', { body: 'user-agent: *\ndisallow: /1\n' });
    const crawl = crawlFile(`${origin.url}/{n}`, 2, { politeness: '{ robots: obey }' });
    await fleet.enqueue('b', crawl);
    await fleet.worker(WORKER);
    await fleet.finished('b');
    const outcomes = (await readRecords(results, 'b')).map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual(['ok', 'robots-denied']);
    const states = await new Origins(fleet.redis, fleet.keys).list([other.url]);
    expect(states.map(({ origin: name }) => name)).toEqual([other.url]);
  });
});
