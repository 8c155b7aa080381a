import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
import {
  closeAfterEachTest,
  newFetcher,
  requestFor,
  serve,
  serveRaw,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
installLeakGuard();

describe.each(TRANSPORTS)('responses over %s', (transport) => {
  const fetchBody = async (body: Buffer, headers: Record<string, string> = {}, status = 200) => {
    const server = await serve((_request, response) => {
      response.writeHead(status, headers);
      response.end(body);
    });
    return newFetcher(transport).fetch(requestFor(server.url));
  };

  it.each([
    ['pretty-printed JSON', Buffer.from('{\r\n  "n": 12345678901234567890\n}\n')],
    ['invalid UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0xff, 0xfe, 0x00, 0x22])],
    ['nothing', Buffer.alloc(0)],
    ['half a megabyte', Buffer.alloc(500_000, 'x')],
  ])('keeps a body of %s byte for byte', async (_name, body) => {
    const result = await fetchBody(body, { 'Content-Type': 'application/json' });
    expect(result).toMatchObject({ kind: 'response', status: 200 });
    expect(result).toHaveProperty('headers.content-type', 'application/json');
    expect(result.kind === 'response' && result.body.equals(body)).toBe(true);
  });

  it.each([204, 304, 400, 404, 429, 500, 503])(
    'returns status %i as a response',
    async (status) => {
      const result = await fetchBody(Buffer.alloc(0), {}, status);
      expect(result).toMatchObject({ kind: 'response', status, body: Buffer.alloc(0) });
    },
  );

  it('ignores the content-length of a 304', async () => {
    const server = await serveRaw((socket) => {
      socket.write('HTTP/1.1 304 Not Modified\r\ncontent-length: 999999999\r\n\r\n');
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ kind: 'response', status: 304 });
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['GZIP, identity', gzipSync],
    ['gzip, br', (body: Buffer) => brotliCompressSync(gzipSync(body))],
  ])('decodes %s', async (coding, compress) => {
    const body = Buffer.from('{"country":"kenya"}'.repeat(5_000));
    const result = await fetchBody(compress(body), { 'content-encoding': coding });
    expect(result.kind === 'response' && result.body.equals(body)).toBe(true);
  });

  it('reads an empty body as empty, whatever its content-encoding', async () => {
    const result = await fetchBody(Buffer.alloc(0), { 'content-encoding': 'gzip' });
    expect(result).toMatchObject({ kind: 'response', body: Buffer.alloc(0) });
  });

  it('keeps a body with an unknown coding unchanged', async () => {
    const body = Buffer.from('as it came');
    const result = await fetchBody(body, { 'content-encoding': 'gzip, rot13' });
    expect(result).toMatchObject({ kind: 'response', body });
  });

  it.each([
    ['corrupt', Buffer.from('this is not gzip at all')],
    ['cut short', gzipSync(Buffer.alloc(100_000, 'x')).subarray(0, 60)],
  ])('reports a gzip body that is %s', async (_name, body) => {
    const result = await fetchBody(body, { 'content-encoding': 'gzip' });
    expect(result).toMatchObject({ outcome: 'network-error', code: 'BODY_CORRUPT', status: 200 });
  });

  it('sends the headers of the crawl file instead of its defaults, except hop-by-hop headers', async () => {
    const server = await serve((request, response) => {
      response.end(JSON.stringify(request.rawHeaders));
    });
    const headers = {
      'User-Agent': 'mine/1',
      'X-Key': 'k',
      Connection: 'close',
      'Transfer-Encoding': 'chunked',
      'Content-Length': '5',
    };
    const result = await newFetcher(transport).fetch(requestFor(server.url, { headers }));
    const raw = JSON.parse(result.kind === 'response' ? result.body.toString() : '[]') as string[];
    const sent = raw.flatMap((name, at) => (at % 2 ? [] : [[name.toLowerCase(), raw[at + 1]]]));
    expect(Object.fromEntries(sent)).toEqual({
      'user-agent': 'mine/1',
      'x-key': 'k',
      accept: '*/*',
      'accept-encoding': 'gzip, deflate, br, zstd',
      connection: 'keep-alive',
      host: `127.0.0.1:${server.port}`,
    });
  });

  it('sends the credentials of a URL as Basic authorization', async () => {
    const server = await serve((request, response) => {
      response.end(`${request.url} ${request.headers.authorization}`);
    });
    const url = `http://us%40er:p%3Aw@127.0.0.1:${server.port}/a?b=c#d`;
    const result = await newFetcher(transport).fetch(requestFor(url));
    const expected = `/a?b=c Basic ${Buffer.from('us@er:p:w').toString('base64')}`;
    expect(result).toMatchObject({ body: Buffer.from(expected) });
  });

  it('joins repeated headers', async () => {
    const server = await serveRaw((socket) => {
      socket.write(
        'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n' +
          'Constructor: c\r\nContent-Length: 2\r\n\r\nok',
      );
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({
      headers: { 'x-a': '1, 2', 'set-cookie': 'a=1, b=2', constructor: 'c' },
    });
  });

  it('reads all headers, however many there are', async () => {
    const many = Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`x-${i}`, `${i}`]));
    const server = await serve((request, response) => {
      const isFirst = request.url === '/';
      const last = isFirst ? { location: '/next' } : { 'content-encoding': 'gzip' };
      response.writeHead(isFirst ? 302 : 200, { ...many, ...last });
      response.end(isFirst ? '' : gzipSync('ok'));
    });
    const fetcher = newFetcher(transport);
    // The second one on a connection that was used before.
    for (const url of [server.url, `${server.url}/next`]) {
      const result = await fetcher.fetch(requestFor(url));
      expect(result).toMatchObject({ status: 200, headers: many, body: Buffer.from('ok') });
    }
    expect(server.connections).toBe(1);
  });

  it.each([
    ['content-type', ['text/plain', 'application/json'], 'application/json'],
    ['content-type', ['text/plain', ''], 'text/plain'],
    ['location', ['/a', '/b'], '/a'],
    ['retry-after', ['1', '1'], '1'],
    ['etag', ['"a"', '"b"', '"c"'], '"a"'],
    ['x-ratelimit-remaining', ['', '0'], '0'],
    ['link', ['<a>', '<b>'], '<a>, <b>'],
    ['cache-control', ['no-store', 'no-cache'], 'no-store, no-cache'],
  ])('keeps one value of %s if it has only one: %j', async (name, values, expected) => {
    const lines = values.map((value) => `${name}: ${value}\r\n`).join('');
    const server = await serveRaw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${lines}content-length: 2\r\n\r\nok`);
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ status: 200, headers: { [name]: expected } });
  });

  it.each([
    ['HTTP/1.0 that ends with the connection', 'HTTP/1.0 200 OK\r\n\r\nok', true],
    ['HTTP/1.1 without a length', 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok', true],
    [
      'chunks with trailers',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n1\r\no\r\n1;e=1\r\nk\r\n0\r\nx: y\r\n\r\n',
      false,
    ],
    [
      'an interim answer',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      false,
    ],
  ])('reads %s', async (_name, bytes, closes) => {
    const server = await serveRaw((socket) => {
      socket.write(bytes);
      if (closes) {
        socket.end();
      }
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ kind: 'response', status: 200, body: Buffer.from('ok') });
  });

  it('reports when the fetch started and how long it took', async () => {
    const before = Date.now();
    const result = await fetchBody(Buffer.from('ok'));
    expect(result.startedAt).toBeGreaterThanOrEqual(before);
    expect(result.durationMs).toBeGreaterThan(0);
    expect(result.durationMs).toBeLessThanOrEqual(Date.now() - before + 2);
  });
});
