import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { FetchResult } from '@fetchfleet/crawl';
import {
  closeAfterEach,
  eventually,
  installLeakGuard,
  selfSigned,
  startTinyproxy,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Fetcher, FetchRequest, HeldFetch } from '../../src/index.ts';
import {
  closeAfterEachTest,
  limits,
  listen,
  newFetcher,
  requestFor,
  serve,
  type TestServer,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
closeAfterEach();
installLeakGuard();

const CERTIFICATE = selfSigned();

const LOOKUP_MS = 200;
/** Far less than the lookup takes, and far more than a request on an open connection. */
const SEND_WITHIN_MS = 100;

const slowLookup: LookupFunction = (_name, options, done) => {
  const found = [{ address: '127.0.0.1', family: 4 }];
  setTimeout(() => {
    if (options.all === true) {
      done(null, found);
    } else {
      done(null, '127.0.0.1', 4);
    }
  }, LOOKUP_MS);
};

/** Fetches, and tells of each time at which the connection is too late. */
async function fetchInTime(
  fetcher: Fetcher,
  request: FetchRequest,
  onTooLate: (held: HeldFetch) => void,
): Promise<FetchResult> {
  return new Promise((resolve, reject) => {
    fetcher.start(request, {
      onResult: resolve,
      onAborted: reject,
      sendWithinMs: () => SEND_WITHIN_MS,
      onTooLate,
    });
  });
}

async function serveTls(): Promise<TestServer> {
  const { key, cert } = CERTIFICATE;
  return listen(
    https.createServer({ key, cert, keepAliveTimeout: 0 }, (_request, response) =>
      response.end('ok'),
    ),
  );
}

describe.each(TRANSPORTS)('a connection over %s that is ready too late', (transport) => {
  it.each([
    ['http', false],
    ['http', true],
    ['https', false],
    ['https', true],
  ] as const)(
    'is kept for the same request, over %s, new: %s',
    async (scheme, isOnNewConnection) => {
      let requests = 0;
      const server =
        scheme === 'https'
          ? await serveTls()
          : await serve((_request, response) => {
              requests += 1;
              response.end('ok');
            });
      const fetcher = newFetcher(transport, { lookup: slowLookup });
      const request = requestFor(`${scheme}://localhost:${server.port}/path`, {
        network: { allowPrivate: true, allow: [], trust: { ca: CERTIFICATE.cert } },
        isOnNewConnection,
      });
      const held: string[] = [];
      const result = await fetchInTime(fetcher, request, (late) => {
        held.push(`${late.target.pathname} after ${requests} requests`);
        late.follow();
      });
      expect(result).toMatchObject({ status: 200 });
      expect(held).toEqual(['/path after 0 requests']);
      expect(server.connections).toBe(1);
    },
  );

  it.each(['http', 'https'] as const)(
    'is kept where it leads through one of several proxies, over %s',
    async (scheme) => {
      const server =
        scheme === 'https'
          ? await serveTls()
          : await serve((_request, response) => response.end('ok'));
      const proxies = [await startTinyproxy(), await startTinyproxy()];
      const list = proxies.map(({ port }) => ({
        origin: `http://localhost:${port}`,
        isTrusted: true,
      }));
      const fetcher = newFetcher(transport, { lookup: slowLookup });
      const request = requestFor(`${scheme}://127.0.0.1:${server.port}/path`, {
        network: {
          allowPrivate: true,
          allow: [],
          trust: { ca: CERTIFICATE.cert },
          routes: { http: list, https: list, bypass: [] },
        },
      });
      let late = 0;
      const result = await fetchInTime(fetcher, request, (held) => {
        late += 1;
        held.follow();
      });
      expect(result).toMatchObject({ status: 200 });
      expect([late, server.connections]).toEqual([1, 1]);
    },
  );

  it('concerns no request that finds a connection, however little time it has', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    const fetchAtOnce = async (): Promise<number> => {
      let late = 0;
      await new Promise((resolve, reject) => {
        fetcher.start(requestFor(server.url), {
          onResult: resolve,
          onAborted: reject,
          sendWithinMs: () => 0,
          onTooLate: (held) => {
            late += 1;
            held.follow();
          },
        });
      });
      return late;
    };
    expect(await fetchAtOnce()).toBe(1);
    expect(await fetchAtOnce()).toBe(0);
    expect(server.connections).toBe(1);
  });

  it('is used at once by listeners that set no time', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport, { lookup: slowLookup });
    const url = `http://localhost:${server.port}/`;
    await expect(fetcher.fetch(requestFor(url))).resolves.toMatchObject({ status: 200 });
    expect(server.connections).toBe(1);
  });

  it('does not use up the time of its fetch while that waits for its turn', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport, { lookup: slowLookup });
    const request = requestFor(`http://localhost:${server.port}/`, {
      limits: limits({ timeoutMs: 1_000 }),
    });
    const result = await fetchInTime(fetcher, request, (late) =>
      setTimeout(() => late.follow(), 1_100),
    );
    expect(result).toMatchObject({ status: 200 });
    expect(result.durationMs).toBeLessThan(1_000);
  });

  it('leaves nothing behind when its fetch is aborted or dropped', async () => {
    const [one, other] = [
      await serve((_request, response) => response.end('ok')),
      await serve((_request, response) => response.end('ok')),
    ];
    const fetcher = newFetcher(transport, { lookup: slowLookup });
    const abort = new AbortController();
    const aborted = fetchInTime(
      fetcher,
      { ...requestFor(`http://localhost:${one.port}/`), signal: abort.signal },
      () => abort.abort(new Error('enough')),
    );
    await expect(aborted).rejects.toThrow('enough');
    await new Promise<void>((resolve) => {
      void fetchInTime(fetcher, requestFor(`http://localhost:${other.port}/`), (late) => {
        late.drop();
        resolve();
      });
    });
    await eventually(() => one.sockets.size + other.sockets.size === 0);
    expect([one.connections, other.connections]).toEqual([1, 1]);
  });
});
