import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type Origin, startOrigin } from '@fetchfleet/testing';
import { createFetcher, type Fetcher, fetchList, ListFetchError } from '../../src/index.ts';

const OPEN = { allowPrivate: true, allow: [] };

let origin: Origin;
let fetcher: Fetcher;

beforeEach(async () => {
  origin = await startOrigin();
  fetcher = createFetcher({
    transport: 'undici',
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
