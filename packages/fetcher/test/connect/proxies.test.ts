import http from 'node:http';
import https from 'node:https';
import { connect, createServer } from 'node:net';
import tls from 'node:tls';
import { originVerdictOf } from '@fetchfleet/crawl';
import { closeAfterEach, freePort, selfSigned, startTinyproxy } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { FetchNetwork, Proxy, ProxyRoutes } from '../../src/index.ts';
import { closeFarHostsAfterEachTest, startFarHost } from './far-host.ts';
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
closeAfterEach();
closeFarHostsAfterEachTest();

const CERTIFICATE = selfSigned();

const LENGTH_AND_CHUNKS = 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n';

const USER = { name: 'ann', password: 's3same' };
const AUTHORIZATION = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString('base64')}`;

function routes(...proxies: readonly Proxy[]): ProxyRoutes {
  return { http: proxies, https: proxies, bypass: [] };
}

function proxyAt(port: number, over: Partial<Proxy> = {}): Proxy {
  return { origin: `http://127.0.0.1:${port}`, isTrusted: true, ...over };
}

function through(...proxies: readonly Proxy[]): { network: FetchNetwork } {
  return {
    network: {
      allowPrivate: true,
      allow: [],
      routes: routes(...proxies),
      trust: { ca: CERTIFICATE.cert },
    },
  };
}

/** A server that echoes what it was asked. */
async function echo() {
  return serve((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
}

describe.each(TRANSPORTS)('a proxy over %s', (transport) => {
  it('is asked for http URLs as a whole, and for a tunnel to https ones', async () => {
    const tinyproxy = await startTinyproxy({ user: USER });
    const plain = await echo();
    const secure = await listen(
      https.createServer(CERTIFICATE, (request, response) => response.end(request.url)),
    );
    const fetcher = newFetcher(transport, {
      // Names are for the proxy to look up.
      lookup: (_name, _options, callback) => callback(new Error('looked up'), []),
    });
    const proxy = proxyAt(tinyproxy.port, { authorization: AUTHORIZATION });
    const over = { ...through(proxy), method: 'POST', body: Buffer.from('hello') } as const;
    const results = [
      await fetcher.fetch(requestFor(`http://localhost:${plain.port}/a?b=c#d`, over)),
      await fetcher.fetch(requestFor(`https://localhost:${secure.port}/e`, through(proxy))),
      await fetcher.fetch(requestFor(`https://localhost:${secure.port}/f`, through(proxy))),
    ];
    expect(results).toEqual(Array(3).fill(expect.objectContaining({ status: 200 })));
    const [asked, tunnelled] = results.map((one) => 'body' in one && one.body.toString());
    const got = JSON.parse(String(asked)) as Record<string, unknown>;
    expect(got).toMatchObject({ method: 'POST', url: '/a?b=c', body: 'hello' });
    expect(got['headers']).toMatchObject({ host: `localhost:${plain.port}` });
    expect(JSON.stringify(got['headers'])).not.toContain('proxy-authorization');
    expect(tunnelled).toBe('/e');
    // The tunnel is kept.
    expect(tinyproxy.log.match(/CONNECT localhost/g)).toHaveLength(1);
    for (const url of [`http://localhost:${plain.port}/`, `https://localhost:${secure.port}/`]) {
      const head = { ...through(proxy), method: 'HEAD', isOnNewConnection: true } as const;
      await expect(fetcher.fetch(requestFor(url, head))).resolves.toMatchObject({
        status: 200,
        body: Buffer.alloc(0),
      });
    }
  });

  it('brings all headers, however many there are', async () => {
    const tinyproxy = await startTinyproxy();
    const headers = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`x-${i}`, `${i}`]));
    const answer: http.RequestListener = (_request, response) => {
      response.writeHead(200, headers).end();
    };
    const [plain, secure] = [
      await serve(answer),
      await listen(https.createServer(CERTIFICATE, answer)),
    ];
    const fetcher = newFetcher(transport);
    for (const url of [plain.url, `https://localhost:${secure.port}`]) {
      const result = await fetcher.fetch(requestFor(url, through(proxyAt(tinyproxy.port))));
      expect(result).toMatchObject({ status: 200, headers });
    }
  });

  it('is left out while it fails, and told of once', async () => {
    const dead = await freePort();
    const tinyproxy = await startTinyproxy();
    const plain = await echo();
    const down: string[] = [];
    const errors: string[] = [];
    const fetcher = newFetcher(transport, {
      onProxyDown: (proxy, reason) => down.push(`${proxy}: ${reason}`),
      onProxyError: (code) => errors.push(code),
    });
    const request = requestFor(plain.url, through(proxyAt(dead), proxyAt(tinyproxy.port)));
    for (let i = 0; i < 4; i += 1) {
      await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
    }
    const reason = `the proxy 127.0.0.1:${dead} cannot be reached: connect ECONNREFUSED 127.0.0.1:${dead}`;
    expect(down).toEqual([`127.0.0.1:${dead}: ${reason}`]);
    expect(errors).toEqual(['PROXY_UNREACHABLE']);
    await tinyproxy.stop();
    await expect(fetcher.fetch(request)).resolves.toMatchObject({
      outcome: 'network-error',
      code: 'PROXY_UNREACHABLE',
    });
  });

  it.each(['http', 'https'])(
    'that refuses its user is named without the password: %s',
    async (scheme) => {
      const tinyproxy = await startTinyproxy({ user: USER });
      const origin = await listen(
        https.createServer(CERTIFICATE, (_request, response) => response.end()),
      );
      const fetcher = newFetcher(transport);
      const proxy = proxyAt(tinyproxy.port);
      const result = await fetcher.fetch(
        requestFor(`${scheme}://127.0.0.1:${origin.port}/`, through(proxy)),
      );
      const what = scheme === 'http' ? '' : ` to CONNECT 127.0.0.1:${origin.port}`;
      expect(result).toMatchObject({
        outcome: 'network-error',
        code: 'PROXY_REFUSED',
        message: `the proxy 127.0.0.1:${tinyproxy.port} answered 407${what}`,
      });
      expect(origin.connections).toBe(0);
    },
  );

  it('that opens no tunnel, or ends the connection instead, is not the fault of the origin', async () => {
    const refusing = await serveRaw((socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    const silent = await serveRaw((socket) => socket.destroy());
    const odd = await serveRaw((socket) => socket.end('SSH-2.0-x\r\n'));
    const mute = await serveRaw(() => undefined);
    const patient = newFetcher(transport);
    // On a busy machine the proxy may not even accept in a shorter time.
    const hasty = newFetcher(transport, { connectTimeoutMs: 1_000 });
    for (const [fetcher, server, message] of [
      [patient, refusing, 'answered 502 to CONNECT origin.example:443'],
      [patient, silent, 'did not answer CONNECT origin.example:443: socket hang up'],
      [patient, odd, 'did not answer CONNECT origin.example:443: Parse Error: Expected HTTP/'],
      [hasty, mute, 'opened no connection to origin.example:443 within 1 s'],
    ] as const) {
      const result = await fetcher.fetch(
        requestFor('https://origin.example/', through(proxyAt(server.port))),
      );
      expect(result).toMatchObject({ outcome: 'network-error', code: 'PROXY_REFUSED' });
      expect(result).toHaveProperty('message', expect.stringContaining(message));
      expect(originVerdictOf(result, false)).toBeUndefined();
    }
  });

  it('that takes too long is not the fault of the origin', async () => {
    const mute = await serveRaw(() => undefined);
    const tinyproxy = await startTinyproxy();
    const secure = await listen(
      https.createServer(CERTIFICATE, (_request, response) => response.end()),
    );
    const network = through(proxyAt(mute.port), proxyAt(tinyproxy.port));
    const request = requestFor(`https://localhost:${secure.port}/`, {
      ...network,
      limits: limits({ timeoutMs: 1_500 }),
    });
    const fetcher = newFetcher(transport);
    const result = await fetcher.fetch(request);
    expect(result).toMatchObject({
      outcome: 'timeout',
      code: 'PROXY_UNREACHABLE',
      message: `the proxy 127.0.0.1:${mute.port} let nothing through in time`,
    });
    expect(originVerdictOf(result, false)).toBeUndefined();
    const generous = { ...request, limits: limits({}) };
    await expect(fetcher.fetch(generous)).resolves.toMatchObject({ status: 200 });
  });

  it('that accepts no connection is left out, however little time a fetch has', async () => {
    const far = await startFarHost();
    const tinyproxy = await startTinyproxy();
    const plain = await echo();
    const down: string[] = [];
    const fetcher = newFetcher(transport, { onProxyDown: (proxy) => down.push(proxy) });
    const network = through(proxyAt(far.port), proxyAt(tinyproxy.port));
    const hasty = { ...network, limits: limits({ timeoutMs: 3_000 }) };
    await expect(fetcher.fetch(requestFor(plain.url, hasty))).resolves.toMatchObject({
      outcome: 'timeout',
      code: 'PROXY_UNREACHABLE',
    });
    expect(down).toEqual([`127.0.0.1:${far.port}`]);
    for (let i = 0; i < 3; i += 1) {
      await expect(fetcher.fetch(requestFor(plain.url, network))).resolves.toMatchObject({
        status: 200,
      });
    }
  });

  it('is not left out for others because an origin answers 407', async () => {
    const tinyproxy = await startTinyproxy();
    const down: string[] = [];
    const fetcher = newFetcher(transport, { onProxyDown: (proxy) => down.push(proxy) });
    const server = await serve((_request, response) => response.writeHead(407).end());
    await expect(
      fetcher.fetch(requestFor(server.url, through(proxyAt(tinyproxy.port)))),
    ).resolves.toMatchObject({ code: 'PROXY_REFUSED' });
    expect(down).toEqual([]);
  });

  it('gets no private address that the URL names, and is none that only a crawl names', async () => {
    const tinyproxy = await startTinyproxy();
    const plain = await echo();
    const fetcher = newFetcher(transport, { allowPrivate: false });
    for (const [host, isTrusted] of [
      ['127.0.0.1', true],
      ['localhost', true],
      ['[::1]', true],
      ['api.example', false],
    ] as const) {
      for (const scheme of ['http', 'https']) {
        const url = `${scheme}://${host}:${plain.port}/`;
        const network = through(proxyAt(tinyproxy.port, { isTrusted }));
        await expect(fetcher.fetch(requestFor(url, network))).resolves.toMatchObject({
          outcome: 'address-refused',
        });
      }
    }
    expect(plain.connections).toBe(0);
    expect(tinyproxy.log).not.toContain('Request');
  });

  it('is asked for a tunnel to an address of IPv6 in brackets', async () => {
    const asked: (string | undefined)[] = [];
    const server = http.createServer().on('connect', (request, socket) => {
      asked.push(request.url, request.headers.host);
      socket.end('HTTP/1.1 502 no\r\n\r\n');
    });
    const { port } = await listen(server);
    const fetcher = newFetcher(transport);
    await fetcher.fetch(requestFor('https://[::1]:9443/', through(proxyAt(port))));
    expect(asked).toEqual(['[::1]:9443', '[::1]:9443']);
  });

  it.each([
    ['LF alone', 'HTTP/1.1 200 OK\nVia: a\n\n'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nVia: a\r\n b\r\n\r\n'],
    ['a control character', 'HTTP/1.1 200 OK\r\nVia: a\u0001\r\n\r\n'],
    ['a length beside chunks', `HTTP/1.1 200 OK\r\n${LENGTH_AND_CHUNKS}\r\n`],
  ])('may open a tunnel by an odd head: %s', async (_name, head) => {
    const secure = await listen(
      https.createServer(CERTIFICATE, (_request, response) => response.end()),
    );
    const front = createServer((socket) => {
      socket.once('data', () => {
        socket.write(head);
        const back = connect(secure.port, '127.0.0.1');
        socket.on('error', () => back.destroy());
        back.on('error', () => socket.destroy());
        socket.pipe(back).pipe(socket);
      });
    });
    const network = through(proxyAt((await listen(front)).port));
    const request = requestFor(`https://localhost:${secure.port}/`, network);
    await expect(newFetcher(transport).fetch(request)).resolves.toMatchObject({ status: 200 });
  });

  it('may speak TLS itself', async () => {
    const tinyproxy = await startTinyproxy();
    const front = await listen(
      tls.createServer(CERTIFICATE, (socket) => {
        const back = connect(tinyproxy.port, '127.0.0.1');
        socket.on('error', () => back.destroy());
        back.on('error', () => socket.destroy());
        socket.pipe(back).pipe(socket);
      }),
    );
    const plain = await echo();
    const secure = await listen(
      https.createServer(CERTIFICATE, (_request, response) => response.end('secure')),
    );
    const fetcher = newFetcher(transport);
    const proxy = proxyAt(0, { origin: `https://127.0.0.1:${front.port}` });
    await expect(fetcher.fetch(requestFor(plain.url, through(proxy)))).resolves.toMatchObject({
      status: 200,
    });
    await expect(
      fetcher.fetch(requestFor(`https://localhost:${secure.port}/`, through(proxy))),
    ).resolves.toMatchObject({ status: 200, body: Buffer.from('secure') });
  });

  it('keeps a fetch over its redirects, and takes turns between fetches', async () => {
    const proxies = [await startTinyproxy(), await startTinyproxy()];
    const server = await serve((request, response) => {
      const hop = Number(request.url?.slice(1));
      response.writeHead(hop > 0 ? 302 : 200, { location: `/${hop - 1}` }).end();
    });
    const fetcher = newFetcher(transport);
    const network = through(...proxies.map(({ port }) => proxyAt(port)));
    for (const hops of [1, 1, 2, 2]) {
      await fetcher.fetch(requestFor(`${server.url}/${hops}`, network));
    }
    expect(proxies.map(({ log }) => log.match(/GET http/g)?.length)).toEqual([5, 5]);
  });
});

describe('certificates', () => {
  it.each(TRANSPORTS)(
    'are asked for without the dot at the end of a name, over %s',
    async (via) => {
      const tinyproxy = await startTinyproxy();
      const names: unknown[] = [];
      // Typed without it; it is what the client asked for.
      const note = (socket: tls.TLSSocket) => names.push(Reflect.get(socket, 'servername'));
      const secure = https.createServer(CERTIFICATE, (_request, response) => response.end());
      const { port } = await listen(secure.on('secureConnection', note));
      const front = tls.createServer(CERTIFICATE, (socket) => {
        note(socket);
        const back = connect(tinyproxy.port, '127.0.0.1');
        socket.on('error', () => back.destroy());
        back.on('error', () => socket.destroy());
        socket.pipe(back).pipe(socket);
      });
      const origin = `https://localhost.:${(await listen(front)).port}`;
      const fetcher = newFetcher(via);
      for (const [host, ...proxies] of [
        ['localhost.'],
        ['localhost', proxyAt(0, { origin })],
      ] as const) {
        const request = requestFor(`https://${host}:${port}/`, through(...proxies));
        await expect(fetcher.fetch(request)).resolves.toMatchObject({ status: 200 });
      }
      expect(names).toEqual(['localhost', 'localhost', 'localhost']);
    },
  );

  it.each(TRANSPORTS)(
    'are checked by the authorities of a crawl, or not at all, over %s',
    async (transport) => {
      const server = await listen(
        https.createServer(CERTIFICATE, (_request, response) => response.end('secure')),
      );
      const fetcher = newFetcher(transport);
      const url = `https://localhost:${server.port}/`;
      const fetchWith = async (trust: FetchNetwork['trust']): Promise<unknown> =>
        fetcher.fetch(requestFor(url, { network: { allowPrivate: true, allow: [], trust } }));
      await expect(fetchWith(undefined)).resolves.toMatchObject({
        code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      });
      await expect(fetchWith({ ca: CERTIFICATE.cert })).resolves.toMatchObject({ status: 200 });
      await expect(fetchWith({ insecure: true })).resolves.toMatchObject({ status: 200 });
      await expect(fetchWith(undefined)).resolves.toMatchObject({
        code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      });
    },
  );
});
