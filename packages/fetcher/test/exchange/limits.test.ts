import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import {
  closeAfterEachTest,
  limits,
  newFetcher,
  requestFor,
  serve,
  serveRaw,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
installLeakGuard();

describe.each(TRANSPORTS)('limits over %s', (transport) => {
  it('accepts a body of exactly the limit, and no byte more', async () => {
    const server = await serve((request, response) => {
      // Without a content-length, so that the bytes themselves are counted.
      response.write(Buffer.alloc(500, 'x'));
      response.end(Buffer.alloc(request.url === '/more' ? 501 : 500, 'x'));
    });
    const fetcher = newFetcher(transport);
    const bounds = { limits: limits({ maxBodyBytes: 1_000 }) };
    const exact = await fetcher.fetch(requestFor(`${server.url}/exact`, bounds));
    expect(exact).toMatchObject({ kind: 'response', status: 200 });
    const more = await fetcher.fetch(requestFor(`${server.url}/more`, bounds));
    expect(more).toMatchObject({ outcome: 'too-large', code: 'BODY_TOO_LARGE', status: 200 });
  });

  it('stops reading an endless body and closes its connection', async () => {
    const server = await serve((_request, response) => {
      const write = () => {
        while (response.write(Buffer.alloc(65_536))) {
          // until the socket is full
        }
      };
      response.on('drain', write);
      write();
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ outcome: 'too-large' });
    expect(result.kind === 'failure' && result.bytes).toBeLessThan(1_000_000 + 70_000);
    await eventually(() => server.sockets.size === 0);
  });

  it('refuses an announced length above the limit before the body arrives', async () => {
    const server = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n');
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ outcome: 'too-large', code: 'BODY_TOO_LARGE', bytes: 0 });
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(16 * 1_024 * 1_024))],
    ['gzip, br', brotliCompressSync(gzipSync(Buffer.alloc(16 * 1_024 * 1_024)))],
  ])('ends a %s compression bomb at the limit', async (coding, bomb) => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': coding });
      response.end(bomb);
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ outcome: 'too-large', code: 'BODY_TOO_LARGE' });
    expect(result.kind === 'failure' && result.bytes).toBeLessThan(1_000_000 + 70_000);
  });

  it.each([
    ['headers that never come', ''],
    ['headers that never end', 'HTTP/1.1 200 OK\r\nx-a: b'],
    ['a body that never comes', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'],
  ])('ends %s at the total timeout', async (_name, bytes) => {
    const server = await serveRaw((socket) => socket.write(bytes));
    const bounds = { limits: limits({ timeoutMs: 150 }) };
    const result = await newFetcher(transport).fetch(requestFor(server.url, bounds));
    expect(result).toMatchObject({ outcome: 'timeout', code: 'FETCH_TIMEOUT' });
    expect(result.durationMs).toBeGreaterThan(140);
    await eventually(() => server.sockets.size === 0);
  });

  it('ends an answer that sends single bytes at the total timeout', async () => {
    const server = await serve((_request, response) => {
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const bounds = { limits: limits({ timeoutMs: 200 }) };
    const result = await newFetcher(transport).fetch(requestFor(server.url, bounds));
    expect(result).toMatchObject({ outcome: 'timeout', code: 'FETCH_TIMEOUT', status: 200 });
    expect(result.kind === 'failure' && result.bytes).toBeGreaterThan(0);
  });

  it('applies the total timeout to all redirects together', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: '/again' }).end(), 60);
    });
    const bounds = { limits: limits({ timeoutMs: 200, redirects: 100 }) };
    const result = await newFetcher(transport).fetch(requestFor(server.url, bounds));
    expect(result).toMatchObject({ outcome: 'timeout', code: 'FETCH_TIMEOUT' });
  });

  it('ends a connection that is not open in time', async () => {
    const fetcher = newFetcher(transport, { connectTimeoutMs: 100, lookup: () => undefined });
    const result = await fetcher.fetch(requestFor('http://slow-name.example/'));
    expect(result).toMatchObject({ outcome: 'timeout', code: 'CONNECT_TIMEOUT' });
    expect(result.kind === 'failure' && result.message).toMatch(/slow-name\.example within 0\.1 s/);
  });

  it('ends at the total timeout while it is still connecting', async () => {
    const fetcher = newFetcher(transport, { lookup: () => undefined });
    const bounds = { limits: limits({ timeoutMs: 100 }) };
    const result = await fetcher.fetch(requestFor('http://slow-name.example/', bounds));
    expect(result).toMatchObject({ outcome: 'timeout', code: 'FETCH_TIMEOUT' });
  });

  it('rejects with the reason of its signal, and closes the connection', async () => {
    const server = await serveRaw(() => undefined);
    const control = new AbortController();
    const fetcher = newFetcher(transport);
    const both = [0, 1].map(() =>
      fetcher.fetch(requestFor(server.url, { signal: control.signal })),
    );
    await eventually(() => server.connections === 2);
    const reason = new Error('draining');
    control.abort(reason);
    for (const running of both) {
      await expect(running).rejects.toBe(reason);
    }
    await eventually(() => server.sockets.size === 0);
    const late = fetcher.fetch(requestFor(server.url, { signal: control.signal }));
    await expect(late).rejects.toBe(reason);
  });

  it('waits for the fetches in flight on stop, and refuses new ones', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('done'), 50);
    });
    const fetcher = newFetcher(transport);
    const running = fetcher.fetch(requestFor(server.url));
    await fetcher.stop();
    await expect(running).resolves.toMatchObject({ kind: 'response', status: 200 });
    await expect(fetcher.fetch(requestFor(server.url))).rejects.toMatchObject({
      code: 'FETCHER_STOPPED',
    });
    await eventually(() => server.sockets.size === 0);
    await fetcher.stop();
  });
});
