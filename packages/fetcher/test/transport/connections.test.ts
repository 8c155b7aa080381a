import { setImmediate as endOfTurn } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { originVerdictOf } from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { eventually, freePort, installLeakGuard, selfSigned } from '@fetchfleet/testing';
import {
  closeAfterEachTest,
  limits,
  listen,
  newFetcher,
  requestFor,
  serve,
  serveRaw,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
installLeakGuard();

const HTTPS = `require('node:https').createServer(workerData, (_, answer) => answer.end('ok'))`;

/**
 * An origin with an event loop of its own: it answers while this one is busy.
 *
 * @param server source of its server, for which `workerData` is a certificate
 */
async function serveInThread(
  server: string,
): Promise<{ port: number; stop: () => Promise<number> }> {
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    const server = ${server};
    let connections = 0;
    server.on('secureConnection', () => connections++);
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
    parentPort.on('message', () => {
      parentPort.postMessage(connections);
      process.exit();
    });`;
  const thread = new Worker(source, { eval: true, workerData: selfSigned() });
  const next = async (): Promise<number> => {
    const [message] = (await once(thread, 'message')) as [number];
    return message;
  };
  return {
    port: await next(),
    stop: async () => {
      const connections = next();
      const ended = once(thread, 'exit');
      thread.postMessage('stop');
      await ended;
      return connections;
    },
  };
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Beginnings of answers. */
const HEADS = [
  ['a part of a header', 'HTTP/1.1 200 OK\r\ncontent-le'],
  ['a part of the status line', 'HTT'],
  ['a blank line', '\r\n'],
  ['CR alone', 'HTTP/1.1 200 OK\rcontent-length: 2\r\rok'],
  ['an interim answer', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'],
] as const;

interface End {
  readonly head: string;
  readonly isThroughProxy?: boolean;
  /** Whether the connection is used for the next request. */
  readonly isKept?: boolean;
}

/** Answers without a body, and what becomes of their connections. */
const ENDS = [
  ['200 OK', 'Content-Length: 0\r\n'],
  ['204 No Content', ''],
  ['304 Not Modified', ''],
].flatMap(([status, length]): (readonly [string, End])[] => {
  const head = `HTTP/1.1 ${status}\r\n${length}`;
  const oldHead = head.replace('1.1', '1.0');
  const isThroughProxy = true;
  return [
    [`${status}`, { head: `${head}\r\n`, isKept: true }],
    [`${status}, close`, { head: `${head}Connection: close\r\n\r\n` }],
    [`${status}, HTTP/1.0`, { head: `${oldHead}\r\n` }],
    [
      `${status}, HTTP/1.0 kept alive`,
      { head: `${oldHead}Connection: keep-alive\r\n\r\n`, isKept: true },
    ],
    [`${status}, through a proxy`, { head: `${head}\r\n`, isThroughProxy }],
    [
      `${status}, kept alive by a proxy`,
      { head: `${head}Connection: keep-alive\r\n\r\n`, isThroughProxy, isKept: true },
    ],
  ];
});
ENDS.push(
  ['204, a length of 0', { head: 'HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n', isKept: true }],
  [
    '304, HTTP/1.0 kept alive, a length',
    { head: 'HTTP/1.0 304 X\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n' },
  ],
);

describe.each(TRANSPORTS)('connections over %s', (transport) => {
  it.each([
    ['at once', '', /without an answer/],
    ['in the body', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc', /mid-body, after 3 bytes/],
    [
      'between chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n',
      /after 3 bytes/,
    ],
  ])('reports a connection that is closed %s, after one request', async (_name, bytes, message) => {
    for (const close of ['end', 'resetAndDestroy'] as const) {
      let requests = 0;
      const server = await serveRaw((socket) => {
        requests += 1;
        socket.write(bytes, () => setTimeout(() => socket[close](), 20));
      });
      const result = await newFetcher(transport).fetch(requestFor(server.url));
      expect(result).toMatchObject({ outcome: 'network-error', code: 'ECONNRESET' });
      expect(result.kind === 'failure' && result.message).toMatch(message);
      expect(requests).toBe(1);
    }
  });

  it.each(HEADS)('reports an answer that ends within its head: %s', async (_name, bytes) => {
    for (const close of ['end', 'resetAndDestroy'] as const) {
      const server = await serveRaw((socket) => {
        socket.write(bytes, () => setTimeout(() => socket[close](), 20));
      });
      const result = await newFetcher(transport).fetch(requestFor(server.url));
      expect(result).toMatchObject({
        code: 'RESPONSE_INVALID',
        message: `${server.url} closed the connection within the head of an answer`,
      });
      expect(originVerdictOf(result, false)).toBe('accepted');
    }
  });

  it.each(HEADS)('tells an origin that stops within a head from a silent one: %s', async (_, b) => {
    const server = await serveRaw(
      (socket, head) => head.startsWith('GET /begun') && socket.write(b),
    );
    const fetcher = newFetcher(transport);
    const bounds = { limits: limits({ timeoutMs: 500 }) };
    const begun = await fetcher.fetch(requestFor(`${server.url}/begun`, bounds));
    const silent = await fetcher.fetch(requestFor(`${server.url}/silent`, bounds));
    expect([begun, silent]).toMatchObject([
      { code: 'FETCH_TIMEOUT', message: expect.stringMatching(/; an answer had begun to arrive$/) },
      { code: 'FETCH_TIMEOUT', message: expect.stringMatching(/; no answer had arrived$/) },
    ]);
    const verdicts = [begun, silent].map((result) => originVerdictOf(result, false));
    expect(verdicts).toEqual(['accepted', 'down']);
  });

  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n', 'RESPONSE_INVALID'],
    ['a broken header', 'HTTP/1.1 200 OK\r\nbad header\u0000: x\r\n\r\n', 'RESPONSE_INVALID'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok',
      'RESPONSE_INVALID',
    ],
    [
      'headers without end',
      `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`,
      'HEADERS_TOO_LARGE',
    ],
  ])('reports %s', async (_name, bytes, code) => {
    const server = await serveRaw((socket) => socket.write(bytes));
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ outcome: 'network-error', code });
  });

  it('keeps the code of the system if the connection is refused', async () => {
    const url = `http://user:hunter2@127.0.0.1:${await freePort()}/?key=hunter2`;
    const result = await newFetcher(transport).fetch(requestFor(url));
    expect(result).toMatchObject({ outcome: 'network-error', code: 'ECONNREFUSED', bytes: 0 });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('keeps the code of the resolver for an unknown name', async () => {
    const error = Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.example'), {
      code: 'ENOTFOUND',
    });
    const fetcher = newFetcher(transport, { lookup: (_name, _o, done) => done(error, []) });
    const result = await fetcher.fetch(requestFor('http://nowhere.example/'));
    expect(result).toMatchObject({ outcome: 'network-error', code: 'ENOTFOUND' });
    expect(result.kind === 'failure' && result.message).toContain('nowhere.example');
  });

  it.each(['ftp://127.0.0.1/', 'nonsense', 'http://'])('refuses the URL %s', async (url) => {
    const result = await newFetcher(transport).fetch(requestFor(url));
    expect(result).toMatchObject({ outcome: 'network-error', code: 'URL_INVALID' });
  });

  it.each([
    ['a value of two lines', { 'x-a': 'b\r\nc: d' }],
    ['a value outside Latin-1', { 'x-a': '日本' }],
    ['a name with a space', { 'x a': 'b' }],
  ])('reports a header with %s, which cannot be sent', async (_name, headers) => {
    const server = await serve((_request, response) => response.end());
    const result = await newFetcher(transport).fetch(requestFor(server.url, { headers }));
    expect(result).toMatchObject({ outcome: 'network-error', code: 'REQUEST_INVALID' });
    expect(server.connections).toBe(0);
  });

  it('reuses a connection', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    for (let index = 0; index < 5; index += 1) {
      await fetcher.fetch(requestFor(server.url));
    }
    expect(server.connections).toBe(1);
  });

  it('opens no more connections to an origin than the limit', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('ok'), 5);
    });
    const fetcher = newFetcher(transport, { maxConnectionsPerOrigin: 3 });
    const results = await Promise.all(
      Array.from({ length: 20 }, () => fetcher.fetch(requestFor(server.url))),
    );
    expect(results.every((result) => result.kind === 'response')).toBe(true);
    expect(server.connections).toBe(3);
  });

  it.each(['end', 'resetAndDestroy'] as const)(
    'sends no request twice if the origin closes a connection that was used before (%s)',
    async (close) => {
      let requests = 0;
      const server = await serveRaw((socket) => {
        requests += 1;
        if (requests === 2) {
          // The request and the end of its connection cross on the way.
          socket[close]();
        } else {
          socket.write(OK);
        }
      });
      const fetcher = newFetcher(transport);
      const first = await fetcher.fetch(requestFor(server.url));
      const second = await fetcher.fetch(requestFor(server.url));
      expect([first, second]).toMatchObject([{ status: 200 }, { code: 'ECONNRESET' }]);
      expect([requests, server.connections]).toEqual([2, 1]);
    },
  );

  it('opens a new connection for a fetch that must have one, redirects included', async () => {
    const server = await serve((request, response) => {
      const isFirst = request.url === '/first';
      response.writeHead(isFirst ? 302 : 200, { location: '/second' }).end();
    });
    const fetcher = newFetcher(transport);
    await fetcher.fetch(requestFor(`${server.url}/second`));
    const request = requestFor(`${server.url}/first`, { isOnNewConnection: true });
    await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
    expect(server.connections).toBe(3);
  });

  it('opens new connections at the limit of an origin, in place of idle ones', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport, { maxConnectionsPerOrigin: 1 });
    for (const isOnNewConnection of [false, true, false, true]) {
      const request = requestFor(server.url, { isOnNewConnection });
      await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
    }
  });

  it('does not send a request again once its answer has begun', async () => {
    let requests = 0;
    const server = await serveRaw((socket) => {
      requests += 1;
      if (requests === 1) {
        socket.write(OK);
      } else {
        socket.write('HTTP/1.1 200 OK\r\ncontent-le', () => setTimeout(() => socket.destroy(), 20));
      }
    });
    const fetcher = newFetcher(transport);
    await fetcher.fetch(requestFor(server.url));
    const second = await fetcher.fetch(requestFor(server.url));
    expect(second).toMatchObject({ outcome: 'network-error', code: 'RESPONSE_INVALID' });
    expect([requests, server.connections]).toEqual([2, 1]);
  });

  it('ignores idle connections that were closed in between', async () => {
    const server = await serveRaw((socket) => socket.write(OK));
    const fetcher = newFetcher(transport);
    await fetcher.fetch(requestFor(server.url));
    for (const socket of server.sockets) {
      socket.end();
    }
    await eventually(() => server.sockets.size === 0);
    await expect(fetcher.fetch(requestFor(server.url))).resolves.toMatchObject({ status: 200 });
  });

  it('closes a connection that stays idle', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    await newFetcher(transport).fetch(requestFor(server.url));
    expect(server.sockets.size).toBe(1);
    await eventually(() => server.sockets.size === 0);
  });

  it('closes an idle connection before the origin does', async () => {
    const soon = await serveRaw((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=3\r\ncontent-length: 2\r\n\r\nok'),
    );
    const late = await serveRaw((socket) => socket.write(OK));
    const fetcher = newFetcher(transport);
    await Promise.all([late, soon].map(async ({ url }) => fetcher.fetch(requestFor(url))));
    await eventually(() => soon.sockets.size === 0);
    expect(late.sockets.size).toBe(1);
  });

  it('does not use a connection again that the origin is about to close', async () => {
    const server = await serve((_request, response) =>
      response.writeHead(200, { 'keep-alive': 'timeout=1' }).end('ok'),
    );
    const fetcher = newFetcher(transport);
    await fetcher.fetch(requestFor(server.url));
    await fetcher.fetch(requestFor(server.url));
    expect(server.connections).toBe(2);
  });

  it.each(ENDS)('uses a connection again as its answer says: %s', async (_name, row) => {
    const { head, isThroughProxy = false, isKept = false } = row;
    const server = await serveRaw((socket) => socket.write(head));
    const proxy = { origin: server.url, isTrusted: true };
    const routes = { http: isThroughProxy ? [proxy] : [], https: [], bypass: [] };
    const network = { allowPrivate: true, allow: [], routes };
    const fetcher = newFetcher(transport);
    for (let index = 0; index < 2; index += 1) {
      await fetcher.fetch(requestFor(server.url, { network }));
    }
    expect(server.connections).toBe(isKept ? 1 : 2);
  });

  it('keeps only those connections that fetches come for', async () => {
    const server = await serve((_request, response) => response.end('ok'));
    const fetcher = newFetcher(transport);
    const fetch = async (): Promise<unknown> => fetcher.fetch(requestFor(server.url));
    await Promise.all([fetch(), fetch(), fetch()]);
    expect(server.sockets.size).toBe(3);
    await eventually(async () => {
      await fetch();
      return server.sockets.size === 1;
    });
    expect(server.connections).toBe(3);
  });

  it('reads bodies that come in pieces of any size', async () => {
    const bytes = randomBytes(900_000);
    const server = await serveRaw((socket, head) => {
      const size = Number(/^GET \/(\d+)/.exec(head)?.[1]);
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\n\r\n`);
      let at = 0;
      const write = (): void => {
        while (at < bytes.length) {
          const piece = bytes.subarray(at, at + size);
          at += piece.length;
          if (!socket.write(piece)) {
            socket.once('drain', write);
            return;
          }
        }
      };
      write();
    });
    const fetcher = newFetcher(transport);
    const sizes = [900_000, 65_536, 10_007, 700];
    const results = await Promise.all(
      sizes.map(async (size) => fetcher.fetch(requestFor(`${server.url}/${size}`))),
    );
    const bodies = results.map((result) => (result.kind === 'response' ? result.body : undefined));
    expect(bodies.map((body) => body?.equals(bytes))).toEqual([true, true, true, true]);
  });

  it('reads on behind a body that was decoded more slowly than it came', async () => {
    const plain = Buffer.alloc(900_000, 'slow ');
    const coded = gzipSync(plain, { level: 0 });
    const head = `content-encoding: gzip\r\ncontent-length: ${coded.length}\r\n\r\n`;
    const server = await serveRaw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}`);
      socket.write(coded);
    });
    const fetcher = newFetcher(transport);
    for (let index = 0; index < 3; index += 1) {
      const result = await fetcher.fetch(requestFor(server.url));
      expect(result.kind === 'response' && result.body.equals(plain)).toBe(true);
    }
    expect(server.connections).toBe(1);
  });

  it('uses a connection no more whose request was answered before it was read', async () => {
    const server = await serveRaw((socket, head) => {
      if (head.startsWith('POST')) {
        socket.pause();
      }
      socket.write(OK);
    });
    const fetcher = newFetcher(transport);
    const body = Buffer.alloc(20_000_000, 'x');
    const post = requestFor(server.url, { method: 'POST', body });
    const results = [await fetcher.fetch(post), await fetcher.fetch(requestFor(server.url))];
    expect(results).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(server.connections).toBe(2);
  });

  it.each([
    ['http', `require('node:net').createServer(`],
    ['https', `require('node:tls').createServer(workerData, `],
  ])('reads an answer that comes before a large body was read: %s', async (scheme, server) => {
    const answer = JSON.stringify(OK.replace('200 OK', '413 X\r\nconnection: close'));
    const origin = await serveInThread(`${server}(socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.write(${answer}, () => socket.destroy());
      });
    })`);
    const fetcher = newFetcher(transport);
    const request = requestFor(`${scheme}://127.0.0.1:${origin.port}`, {
      method: 'POST',
      body: Buffer.alloc(1_000_000, 'x'),
      network: { allowPrivate: true, allow: [], trust: { insecure: true } },
    });
    const answers = new Map<string, number>();
    // Where the end of the connection meets the body differs from one time to the next.
    for (let index = 0; index < 200; index += 1) {
      const result = await fetcher.fetch(request);
      const what = result.kind === 'response' ? String(result.status) : result.code;
      answers.set(what, (answers.get(what) ?? 0) + 1);
    }
    await origin.stop();
    expect(Object.fromEntries(answers)).toEqual({ 413: 200 });
  });

  it('reuses connections over TLS, however soon the answers come', async () => {
    const origin = await serveInThread(HTTPS);
    const fetcher = newFetcher(transport);
    const network = { allowPrivate: true, allow: [], trust: { insecure: true } };
    const request = requestFor(`https://127.0.0.1:${origin.port}`, { network });
    const fetchMany = async (): Promise<void> => {
      for (let index = 0; index < 100; index += 1) {
        // As workers do: what follows is sent when all that has arrived is read.
        await endOfTurn();
        await fetcher.fetch(request);
      }
    };
    await Promise.all(Array.from({ length: 16 }, fetchMany));
    expect(await origin.stop()).toBeLessThanOrEqual(16);
  });

  it('resumes TLS sessions', async () => {
    const reused: boolean[] = [];
    const tls = https.createServer(selfSigned(), (_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('ok');
    });
    tls.on('secureConnection', (socket: TLSSocket) => reused.push(socket.isSessionReused()));
    const server = await listen(tls);
    const fetcher = newFetcher(transport);
    const network = { allowPrivate: true, allow: [], trust: { insecure: true } };
    for (let index = 0; index < 3; index += 1) {
      const request = requestFor(`https://127.0.0.1:${server.port}`, { network });
      await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
    }
    expect(reused).toEqual([false, true, true]);
  });

  it('asks for the host by its name in TLS that the host header names', async () => {
    const names: unknown[] = [];
    const tls = https.createServer(selfSigned(), (_request, response) => response.end('ok'));
    tls.on('secureConnection', (socket: TLSSocket) => {
      // Typed without it; it is what the client asked for.
      names.push(Reflect.get(socket, 'servername'));
    });
    const server = await listen(tls);
    const fetcher = newFetcher(transport);
    const network = { allowPrivate: true, allow: [], trust: { insecure: true } };
    for (const host of ['one.example', 'two.example:444', 'one.example', '127.0.0.1']) {
      const url = `https://127.0.0.1:${server.port}`;
      await fetcher.fetch(requestFor(url, { network, headers: { host } }));
    }
    // Each name has connections of its own.
    expect(names).toEqual(['one.example', 'two.example', false]);
  });

  it('reports that an origin wants a certificate, as its alert says', async () => {
    const asking = { ...selfSigned(), requestCert: true, rejectUnauthorized: true };
    const server = await listen(https.createServer(asking, (_request, response) => response.end()));
    const network = { allowPrivate: true, allow: [], trust: { insecure: true } };
    const result = await newFetcher(transport).fetch(
      requestFor(`https://127.0.0.1:${server.port}`, { network }),
    );
    expect(result).toMatchObject({
      outcome: 'network-error',
      code: 'EPROTO',
      message: expect.stringContaining('certificate required'),
    });
  });

  it('reports the reason for which a certificate is invalid', async () => {
    const tls = https.createServer(selfSigned(), (_request, response) => response.end());
    const server = await listen(tls);
    const result = await newFetcher(transport).fetch(
      requestFor(`https://127.0.0.1:${server.port}`),
    );
    expect(result).toMatchObject({
      outcome: 'network-error',
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
  });
});
