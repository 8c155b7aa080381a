import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { METHODS } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
import {
  closeAfterEachTest,
  newFetcher,
  requestFor,
  serve,
  serveRaw,
  type TestServer,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
installLeakGuard();

const BODY = Buffer.from('{"name":"Åland"}');
const JSON_TYPE = { 'content-type': 'application/json' };

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

type AsyncListener = (...answering: Parameters<RequestListener>) => Promise<void>;

/** A server that keeps what it is asked, and redirects every path but `/end`. */
async function serveSeen(
  status = 200,
  location = (): string => '/end',
): Promise<TestServer & { readonly seen: readonly Seen[] }> {
  const seen: Seen[] = [];
  const answer: AsyncListener = async (request, response) => {
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body: await text(request) });
    const isEnd = status < 300 || url === '/end';
    response.writeHead(isEnd ? 200 : status, isEnd ? {} : { location: location() }).end();
  };
  const server = await serve((request, response) => void answer(request, response));
  return Object.assign(server, { seen });
}

describe.each(TRANSPORTS)('requests over %s', (transport) => {
  it.each(METHODS.filter((method) => method !== 'GET' && method !== 'HEAD'))(
    'send a %s with its body and its length, also on a kept connection',
    async (method) => {
      const server = await serveSeen();
      const fetcher = newFetcher(transport);
      const large = Buffer.alloc(300_000, 'x');
      for (const body of [BODY, large, undefined]) {
        await fetcher.fetch(requestFor(server.url, { method, body, headers: JSON_TYPE }));
      }
      expect(server.seen.map((one) => [one.method, one.body])).toEqual([
        [method, BODY.toString()],
        [method, large.toString()],
        [method, ''],
      ]);
      const [first, , last] = server.seen;
      expect(first?.headers).toMatchObject({ 'content-length': '17', ...JSON_TYPE });
      expect(server.seen.every(({ headers }) => !('transfer-encoding' in headers))).toBe(true);
      // Some servers refuse a POST that has neither a length nor chunks.
      expect(method === 'DELETE' || last?.headers['content-length'] === '0').toBe(true);
      expect(server.connections).toBe(1);
    },
  );

  it.each([
    ['a length', 'content-length: 50000000\r\n'],
    ['a coding', 'content-length: 20\r\ncontent-encoding: gzip\r\n'],
    ['chunks', 'transfer-encoding: chunked\r\n'],
    ['no end', ''],
  ])('ends a HEAD at its head, which announces %s', async (_, head) => {
    const server = await serveRaw((socket, request) => {
      socket.write(
        request.startsWith('HEAD')
          ? `HTTP/1.1 200 OK\r\netag: "1"\r\n${head}\r\n`
          : 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      );
    });
    const fetcher = newFetcher(transport);
    for (const method of ['HEAD', 'GET', 'HEAD', 'GET'] as const) {
      const result = await fetcher.fetch(requestFor(server.url, { method }));
      const body = Buffer.from(method === 'HEAD' ? '' : 'ok');
      expect(result).toMatchObject({ kind: 'response', status: 200, body });
      expect(result.kind === 'response' && result.headers).toMatchObject(
        method === 'HEAD' ? { etag: '"1"' } : {},
      );
    }
  });

  it('keeps the length that a HEAD is answered with', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 1_234 }).end();
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url, { method: 'HEAD' }));
    expect(result).toMatchObject({ headers: { 'content-length': '1234' }, body: Buffer.alloc(0) });
  });

  it('does not read a body that comes after a HEAD', async () => {
    const server = await serveRaw((socket, request) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n${request.slice(0, 5)}`);
    });
    const fetcher = newFetcher(transport);
    const bodies: string[] = [];
    for (const method of ['HEAD', 'GET', 'HEAD', 'POST'] as const) {
      const result = await fetcher.fetch(requestFor(server.url, { method }));
      bodies.push(result.kind === 'response' ? result.body.toString() : result.code);
    }
    expect(bodies).toEqual(['', 'GET /', '', 'POST ']);
  });

  it('sends a request once where the origin reads it and closes the kept connection', async () => {
    const requests: string[] = [];
    const server = await serveRaw((socket, request) => {
      requests.push(request.slice(0, request.indexOf(' ')));
      if (requests.length % 2 === 1) {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      } else {
        socket.destroy();
      }
    });
    const fetcher = newFetcher(transport);
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE'] as const) {
      const first = await fetcher.fetch(requestFor(server.url));
      const second = await fetcher.fetch(requestFor(server.url, { method }));
      expect(first).toMatchObject({ status: 200 });
      expect(second).toMatchObject({ outcome: 'network-error', code: 'ECONNRESET' });
    }
    // Anything that was sent again would have arrived before the request after it.
    expect(requests.join(' ')).toBe('GET POST GET PATCH GET PUT GET DELETE');
    expect(server.connections).toBe(4);
  });

  it('carries an Idempotency-Key, and headers of the fetch alone', async () => {
    const server = await serveSeen();
    const fetcher = newFetcher(transport);
    const shared = { headers: { 'x-a': '1' }, method: 'POST' } as const;
    await fetcher.fetch(requestFor(server.url, { ...shared, idempotencyKey: 'b-0-1' }));
    await fetcher.fetch(requestFor(server.url, { ...shared, idempotencyKey: 'b-1-1' }));
    await fetcher.fetch(requestFor(server.url, shared));
    expect(server.seen.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'b-0-1',
      'b-1-1',
      undefined,
    ]);
  });

  it.each(['a\r\nx-b: 1', 'a\nb', 'a\0', '€'])('sends no header that is %j', async (value) => {
    const server = await serveSeen();
    const request = requestFor(server.url, { headers: { 'x-a': value } });
    const result = await newFetcher(transport).fetch(request);
    expect(result).toMatchObject({ outcome: 'network-error', code: 'REQUEST_INVALID' });
    expect(server.seen).toEqual([]);
  });

  // As the Fetch standard says.
  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'PUT', 'PUT'],
    [302, 'PATCH', 'PATCH'],
    [303, 'PUT', 'GET'],
    [303, 'DELETE', 'GET'],
    [307, 'PATCH', 'PATCH'],
    [308, 'DELETE', 'DELETE'],
    [301, 'HEAD', 'HEAD'],
    [303, 'HEAD', 'HEAD'],
  ] as const)('follow a %i of a %s with a %s', async (status, method, next) => {
    const server = await serveSeen(status);
    const headers = { ...JSON_TYPE, 'content-language': 'de', 'x-own': '1' };
    const request = requestFor(server.url, {
      method,
      headers,
      ...(method !== 'HEAD' && { body: BODY, idempotencyKey: 'b-0-1' }),
    });
    const result = await newFetcher(transport).fetch(request);
    expect(result).toMatchObject({ status: 200, finalUrl: `${server.url}/end` });
    const [, last] = server.seen;
    const isKept = next === method;
    expect(last).toMatchObject({
      method: next,
      body: isKept && method !== 'HEAD' ? BODY.toString() : '',
      headers: { 'x-own': '1', ...(isKept && JSON_TYPE) },
    });
    const about = ['content-type', 'content-language', 'content-length', 'idempotency-key'];
    expect(about.some((name) => name in (last?.headers ?? {}))).toBe(isKept);
  });

  it.each([
    [307, 'POST'],
    [308, 'PATCH'],
    [302, 'PUT'],
    [301, 'DELETE'],
  ] as const)('repeat no %i of a %s at another origin', async (status, method) => {
    const other = await serveSeen();
    const server = await serveSeen(status, () => `${other.url}/end`);
    const body = method === 'DELETE' ? undefined : BODY;
    const result = await newFetcher(transport).fetch(requestFor(server.url, { method, body }));
    expect(result).toMatchObject({ outcome: 'bad-redirect', code: 'REDIRECT_METHOD' });
    expect(result.kind === 'failure' && result.message).toContain(
      `${server.url} redirected a ${method} to ${other.url}; only GET and HEAD follow`,
    );
    expect(other.connections).toBe(0);
  });

  it.each([
    [303, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [307, 'HEAD', 'HEAD'],
  ] as const)('asks another origin after a %i of a %s', async (status, method, next) => {
    const other = await serveSeen();
    const server = await serveSeen(status, () => `${other.url}/end`);
    const headers = { ...JSON_TYPE, 'x-own': '1' };
    const result = await newFetcher(transport).fetch(requestFor(server.url, { method, headers }));
    expect(result).toMatchObject({ status: 200 });
    expect(other.seen).toMatchObject([{ method: next, body: '' }]);
    const [last] = other.seen;
    expect(Object.keys(last?.headers ?? {}).filter((name) => name.startsWith('x-'))).toEqual([]);
    expect(last?.headers).not.toHaveProperty('content-type');
  });

  it('reads an answer that comes before the body has been read', async () => {
    const server = await serveRaw((socket) => {
      socket.end('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig');
    });
    const body = Buffer.alloc(1_000, 'x');
    const request = requestFor(server.url, { method: 'POST', body });
    const result = await newFetcher(transport).fetch(request);
    expect(result).toMatchObject({ status: 413, body: Buffer.from('big') });
  });
});
