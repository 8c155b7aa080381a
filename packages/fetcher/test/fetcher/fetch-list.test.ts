import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type Origin, startOrigin } from '@fetchfleet/testing';
import { createFetcher, type Fetcher, fetchList, ListFetchError } from '../../src/index.ts';

const OPEN = { allowPrivate: true, allow: [] };

let origin: Origin;
let fetcher: Fetcher;

beforeEach(async () => {
  origin = await startOrigin();
  fetcher = createFetcher({
    transport: 'native',
    allowPrivate: true,
    userAgent: 'fetchfleet/test',
  });
});

afterEach(async () => {
  await fetcher.stop();
  await origin.stop();
});

installLeakGuard();

async function failure(url: string, network = OPEN): Promise<ListFetchError> {
  return fetchList(fetcher, url, { network }).then(
    () => {
      throw new Error('it was read');
    },
    (error: unknown) => {
      if (error instanceof ListFetchError) {
        return error;
      }
      throw error;
    },
  );
}

describe('a list at a URL', () => {
  it('is read unchanged, through redirects', async () => {
    origin.respond('/ids.csv', { body: 'id\n1\n' });
    origin.respond('/moved.csv', { status: 302, headers: { location: '/ids.csv' } });
    const bytes = await fetchList(fetcher, `${origin.url}/moved.csv`, { network: OPEN });
    expect(bytes.toString()).toBe('id\n1\n');
  });

  it('is not a lasting failure if it is missing', async () => {
    origin.respond('/ids.csv', { status: 404 });
    const error = await failure(`${origin.url}/ids.csv`);
    expect(error).toMatchObject({ isLasting: false, code: 'INPUT_INVALID' });
    expect(error.message).toBe(`${origin.url}/ids.csv: the list cannot be read: it answered 404`);
  });

  it('is a lasting failure if its address is refused', async () => {
    const error = await failure(`${origin.url}/ids.csv`, { allowPrivate: false, allow: [] });
    expect(error.isLasting).toBe(true);
    expect(error.message).toMatch(/loopback address, which is refused/u);
    expect(origin.arrivals).toEqual([]);
  });

  const OWN = { allowPrivate: false, allow: ['127.0.0.1/32'] };
  it.each([
    ['another address', 'http://127.0.0.2:PORT/ids.csv'],
    ['an address written as a number', 'http://2130706434:PORT/ids.csv'],
    ['IPv6', 'http://[::1]:PORT/ids.csv'],
    ['an IPv4 address within IPv6', 'http://[::ffff:127.0.0.2]:PORT/ids.csv'],
    ['the metadata of a cloud', 'http://169.254.169.254/ids.csv'],
    ['a name of a private address', 'http://inside.example:PORT/ids.csv'],
    ['a name that resolves to another address the second time', 'http://turns.example:PORT/again'],
  ])('is not read behind a redirect to %s', async (_what, location) => {
    const port = new URL(origin.url).port;
    const target = location.replace('PORT', port);
    origin.respond('/moved.csv', { status: 302, headers: { location: target } });
    origin.respond('/again', { status: 302, headers: { location: '/ids.csv' } });
    let turns = 0;
    const reader = createFetcher({
      transport: 'native',
      allowPrivate: true,
      userAgent: 'fetchfleet/test',
      lookup: (name, _options, callback) => {
        const isOwn = name === 'turns.example' && turns++ === 0;
        callback(null, [{ address: isOwn ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
      },
    });
    const reading = fetchList(reader, `${origin.url}/moved.csv`, { network: OWN });
    await expect(reading).rejects.toThrow(/address, which is refused/u);
    expect(origin.arrivalsOf('/ids.csv')).toEqual([]);
    await reader.stop();
  });

  it('is not read at a private address that only the crawl allows', async () => {
    const closed = createFetcher({ transport: 'native', allowPrivate: false, userAgent: 'x' });
    const reading = fetchList(closed, `${origin.url}/ids.csv`, { network: OPEN });
    await expect(reading).rejects.toThrow(/loopback address, which is refused/u);
    await closed.stop();
  });

  it('is a lasting failure if it is larger than 64 MiB', async () => {
    const length = String(64 * 2 ** 20 + 1);
    origin.respond('/ids.csv', async (_, response) => {
      response.writeHead(200, { 'content-length': length }).flushHeaders();
      return Promise.resolve();
    });
    expect(await failure(`${origin.url}/ids.csv`)).toMatchObject({
      isLasting: true,
      message: expect.stringContaining('larger than 67108864 bytes'),
    });
  });

  it('rejects with the reason of its signal', async () => {
    origin.respond('/ids.csv', { delayMs: 10_000 });
    const stopped = new AbortController();
    const reading = fetchList(fetcher, `${origin.url}/ids.csv`, {
      network: OPEN,
      signal: stopped.signal,
    });
    stopped.abort(new Error('drained'));
    await expect(reading).rejects.toThrow('drained');
  });
});
