import { describe, expect, it } from '@jest/globals';
import type { FetchResult } from '@fetchfleet/crawl';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import type { Fetcher, FetchRequest } from '../src/index.ts';

import { closeAfterEachTest, newFetcher, requestFor, serve, TRANSPORTS } from './server.ts';

closeAfterEachTest();
installLeakGuard();

/** What a listener was told, in order. */
function start(fetcher: Fetcher, request: FetchRequest): unknown[] {
  const told: unknown[] = [];
  fetcher.start(request, {
    onResult: (result) => void told.push(result),
    onAborted: (reason) => void told.push(reason),
  });
  return told;
}

describe.each(TRANSPORTS)('a fetch that is started over %s', (transport) => {
  it('tells its listener once, and not before it was started', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    // So that its transport is loaded, and nothing waits for that.
    await fetcher.fetch(requestFor(server.url));
    const aborted = { signal: AbortSignal.abort('no longer wanted') };
    const all = [
      start(fetcher, requestFor(server.url)),
      start(fetcher, requestFor('nonsense')),
      start(fetcher, requestFor(server.url, { headers: { 'x a': 'b' } })),
      start(fetcher, requestFor(server.url, aborted)),
    ];
    expect(all).toEqual([[], [], [], []]);
    await eventually(() => all.every((told) => told.length > 0));
    await fetcher.stop();
    expect(all).toEqual([
      [expect.objectContaining({ status: 200 })],
      [expect.objectContaining({ code: 'URL_INVALID' })],
      [expect.objectContaining({ code: 'REQUEST_INVALID' })],
      ['no longer wanted'],
    ]);
  });

  it('tells of an abort while it is under way, and of nothing after that', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('late'), 50);
    });
    const fetcher = newFetcher(transport);
    const controller = new AbortController();
    const told = start(fetcher, requestFor(server.url, { signal: controller.signal }));
    await eventually(() => server.connections === 1);
    controller.abort('cancelled');
    expect(told).toEqual(['cancelled']);
    await expect(fetcher.fetch(requestFor(server.url))).resolves.toMatchObject({ status: 200 });
    expect(told).toEqual(['cancelled']);
  });

  it('is waited for by a fetcher that stops, which starts no other one', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('ok'), 50);
    });
    const fetcher = newFetcher(transport);
    const told = start(fetcher, requestFor(server.url));
    await fetcher.stop();
    expect(told).toMatchObject([{ status: 200 }]);
    expect(() => start(fetcher, requestFor(server.url))).toThrow('the fetcher has been stopped');
  });

  it('finds the connection free that the fetch before it has just left', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    const results: FetchResult[] = [];
    const next = (): void =>
      fetcher.start(requestFor(server.url), {
        onResult: (result) => {
          results.push(result);
          if (results.length < 20) next();
        },
        onAborted: (reason) => {
          throw reason;
        },
      });
    next();
    await eventually(() => results.length === 20);
    expect(results.every((result) => result.kind === 'response')).toBe(true);
    expect(server.connections).toBe(1);
  });

  it('goes out on a new connection if the answer before it closed the old one', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('ok');
    });
    const fetcher = newFetcher(transport, { maxConnectionsPerOrigin: 2 });
    const results = await Promise.all(
      Array.from({ length: 12 }, () => fetcher.fetch(requestFor(server.url))),
    );
    expect(results.every((result) => result.kind === 'response')).toBe(true);
    expect(server.connections).toBe(12);
  });
});
