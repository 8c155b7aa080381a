import { describe, expect, it } from '@jest/globals';
import type { FetchResult } from '@fetchfleet/crawl';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import type { Fetcher, FetchRequest } from '../../src/index.ts';
import { closeAfterEachTest, newFetcher, requestFor, serve, TRANSPORTS } from '../server.ts';

closeAfterEachTest();
installLeakGuard();

/** Starts a fetch and records the calls of its listener, in order. */
function start(fetcher: Fetcher, request: FetchRequest): unknown[] {
  const calls: unknown[] = [];
  fetcher.start(request, {
    onResult: (result) => void calls.push(result),
    onAborted: (reason) => void calls.push(reason),
  });
  return calls;
}

describe.each(TRANSPORTS)('a fetch that is started over %s', (transport) => {
  it('calls its listener once, after start has returned', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    // Loads the transport, so the fetches below do not wait for it.
    await fetcher.fetch(requestFor(server.url));
    const aborted = { signal: AbortSignal.abort('no longer wanted') };
    const all = [
      start(fetcher, requestFor(server.url)),
      start(fetcher, requestFor('nonsense')),
      start(fetcher, requestFor(server.url, { headers: { 'x a': 'b' } })),
      start(fetcher, requestFor(server.url, aborted)),
    ];
    expect(all).toEqual([[], [], [], []]);
    await eventually(() => all.every((calls) => calls.length > 0));
    await fetcher.stop();
    expect(all).toEqual([
      [expect.objectContaining({ status: 200 })],
      [expect.objectContaining({ code: 'URL_INVALID' })],
      [expect.objectContaining({ code: 'REQUEST_INVALID' })],
      ['no longer wanted'],
    ]);
  });

  it('reports an abort while it is in flight, and nothing after it', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('late'), 50);
    });
    const fetcher = newFetcher(transport);
    const controller = new AbortController();
    const calls = start(fetcher, requestFor(server.url, { signal: controller.signal }));
    await eventually(() => server.connections === 1);
    controller.abort('cancelled');
    expect(calls).toEqual(['cancelled']);
    await expect(fetcher.fetch(requestFor(server.url))).resolves.toMatchObject({ status: 200 });
    expect(calls).toEqual(['cancelled']);
  });

  it('ends before stop resolves; a stopped fetcher starts no other one', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('ok'), 50);
    });
    const fetcher = newFetcher(transport);
    const calls = start(fetcher, requestFor(server.url));
    await fetcher.stop();
    expect(calls).toMatchObject([{ status: 200 }]);
    expect(() => start(fetcher, requestFor(server.url))).toThrow('the fetcher has been stopped');
  });

  it('is busy while a fetch is in flight, and reports its end before its result', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const events: string[] = [];
    const fetcher = newFetcher(transport, { onEnd: () => void events.push('end') });
    expect(fetcher.isBusy).toBe(false);
    fetcher.start(requestFor(server.url), {
      onResult: () => void events.push(`result, busy: ${fetcher.isBusy}`),
      onAborted: () => void events.push('aborted'),
    });
    expect(fetcher.isBusy).toBe(true);
    await eventually(() => events.length > 0);
    expect(events).toEqual(['end', 'result, busy: false']);
  });

  it('ends one fetch alone, once, and is idle then', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('ok'), 50);
    });
    const fetcher = newFetcher(transport);
    const events: unknown[] = [];
    const startOne = (name: string) =>
      fetcher.start(requestFor(server.url), {
        onResult: () => void events.push(name),
        onAborted: (reason) => void events.push(reason),
      });
    const [first] = [startOne('first'), startOne('second')];
    first?.abort('not needed');
    first?.abort('again');
    await eventually(() => events.length === 2);
    await fetcher.stop();
    first?.abort('too late');
    expect(events).toEqual(['not needed', 'second']);
    expect(fetcher.isBusy).toBe(false);
  });

  it('reuses the connection of the fetch that has just ended', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    const results: FetchResult[] = [];
    const next = (): void => {
      fetcher.start(requestFor(server.url), {
        onResult: (result) => {
          results.push(result);
          if (results.length < 20) {
            next();
          }
        },
        onAborted: (reason) => {
          throw reason;
        },
      });
    };
    next();
    await eventually(() => results.length === 20);
    expect(results.every((result) => result.kind === 'response')).toBe(true);
    expect(server.connections).toBe(1);
  });

  it('opens a new connection if the answer before it closed the old one', async () => {
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
