import type { LookupFunction } from 'node:net';
import type { FetchResult } from '@fetchfleet/crawl';
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
import type { RedirectedFetch } from '../../src/fetcher/fetch-request.ts';

closeAfterEachTest();
installLeakGuard();

const loopback: LookupFunction = (_name, options, callback) => {
  if (options.all === true) {
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  } else {
    callback(null, '127.0.0.1', 4);
  }
};

describe.each(TRANSPORTS)('redirects over %s', (transport) => {
  it.each([301, 302, 303, 307, 308])('follows %i with a GET to a relative URL', async (status) => {
    const server = await serve((request, response) => {
      if (request.url === '/a/b?c') {
        response.writeHead(status, { location: '../d?e' }).end('moved');
      } else {
        response.end(`${request.method} ${request.url}`);
      }
    });
    const result = await newFetcher(transport).fetch(requestFor(`${server.url}/a/b?c`));
    expect(result).toMatchObject({ status: 200, body: Buffer.from('GET /d?e') });
    expect(server.connections).toBe(1);
  });

  it('holds a fetch at every redirect for as long as its listener wants', async () => {
    const server = await serve((request, response) => {
      const next = Number(request.url?.slice(1)) + 1;
      if (next > 3) {
        response.end('there');
      } else {
        response.writeHead(302, { location: `/${next}`, 'retry-after': '7' }).end('moved');
      }
    });
    const hops: RedirectedFetch[] = [];
    const bounds = { limits: limits({ timeoutMs: 1_500, redirects: 3 }) };
    const result = await new Promise<FetchResult>((resolve, reject) => {
      newFetcher(transport).start(requestFor(`${server.url}/1`, bounds), {
        onResult: resolve,
        onAborted: reject,
        onRedirect: (held) => {
          hops.push(held);
          // Longer than the timeout, which stands still meanwhile.
          setTimeout(() => held.follow(), 900);
        },
      });
    });
    expect(result).toMatchObject({ status: 200, finalUrl: `${server.url}/3` });
    expect(result.durationMs).toBeLessThan(1_500);
    expect(hops.map(({ target, answer }) => [target.pathname, answer.status])).toEqual([
      ['/2', 302],
      ['/3', 302],
    ]);
    expect(hops[0]?.answer.headers).toMatchObject({ 'retry-after': '7' });
  });

  it('ends a held fetch that is refused, dropped or aborted', async () => {
    let requests = 0;
    const server = await serve((_request, response) => {
      requests += 1;
      response.writeHead(302, { location: '/next' }).end();
    });
    const fetcher = newFetcher(transport);
    const abort = new AbortController();
    const reason = { outcome: 'robots-denied', code: 'ROBOTS_DENIED', message: 'no' } as const;
    const start = async (end: (held: RedirectedFetch) => void): Promise<unknown> =>
      new Promise((resolve) => {
        const request = requestFor(`${server.url}/first`, { signal: abort.signal });
        fetcher.start(request, {
          onResult: resolve,
          onAborted: resolve,
          onRedirect: (held) => end(held),
        });
      });
    const refused = await start((held) => held.refuse(reason));
    expect(refused).toMatchObject({ ...reason, finalUrl: `${server.url}/next` });
    expect(refused).not.toHaveProperty('status');
    const dropped = Promise.withResolvers<void>();
    let calls = 0;
    void start((held) => {
      held.drop();
      dropped.resolve();
    }).finally(() => {
      calls += 1;
    });
    await dropped.promise;
    const aborted = await start(() => abort.abort(new Error('stopped')));
    expect(aborted).toEqual(new Error('stopped'));
    // The fetcher waits for what is in flight: neither of the three is any more.
    await fetcher.stop();
    expect([calls, requests]).toEqual([0, 3]);
  });

  it.each([300, 302, 304])('returns a %i without a location as the response', async (status) => {
    const server = await serve((_request, response) => response.writeHead(status).end());
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ kind: 'response', status });
  });

  it.each([0, 3])('gives up a redirect loop after %i redirects', async (redirects) => {
    let requests = 0;
    const server = await serve((_request, response) => {
      requests += 1;
      response.writeHead(302, { location: '/' }).end();
    });
    const bounds = { limits: limits({ redirects }) };
    const result = await newFetcher(transport).fetch(requestFor(server.url, bounds));
    expect(result).toMatchObject({
      outcome: 'bad-redirect',
      code: 'TOO_MANY_REDIRECTS',
      status: 302,
    });
    expect(requests).toBe(redirects + 1);
  });

  it.each([
    ['http://', 'REDIRECT_INVALID'],
    ['ftp://127.0.0.1/', 'REDIRECT_SCHEME'],
    ['file:///etc/passwd', 'REDIRECT_SCHEME'],
    ['javascript:alert(1)', 'REDIRECT_SCHEME'],
    ['http://user:hunter2@127.0.0.1/', 'REDIRECT_CREDENTIALS'],
  ])('does not follow a redirect to %s', async (location, code) => {
    const server = await serve((_request, response) => {
      response.writeHead(302, { location }).end();
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ outcome: 'bad-redirect', code });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it.each([
    ['S3cret-Of-Ours:x', 'GET', 'REDIRECT_SCHEME'],
    ['http://S3cret-Of-Ours.invalid/', 'GET', 'REDIRECT_SECRET'],
    ['http://s3cret%2Dof%2Dours.invalid/', 'GET', 'REDIRECT_SECRET'],
    ['http://user:x@S3cret-Of-Ours.invalid/', 'GET', 'REDIRECT_SECRET'],
    ['http://S3cret-Of-Ours.invalid/', 'PUT', 'REDIRECT_SECRET'],
  ] as const)('repeats no secret of a redirect to %s (%s)', async (location, method, code) => {
    const server = await serve((_request, response) => {
      response.writeHead(302, { location }).end();
    });
    const request = requestFor(server.url, { method, secrets: () => ['S3cret-Of-Ours'] });
    const result = await newFetcher(transport).fetch(request);
    expect(result).toMatchObject({ outcome: 'bad-redirect', code });
    const { kind, headers, ...told } = { headers: {}, ...result };
    expect([kind, headers]).toEqual(['failure', {}]);
    expect(JSON.stringify(told)).toContain(server.url);
    expect(JSON.stringify(told)).not.toMatch(/s3cret/i);
  });

  it('follows a redirect to a name that the URL of the crawl has as well', async () => {
    const other = await serve((_request, response) => response.end('ok'));
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: other.url }).end();
    });
    const request = requestFor(server.url, { secrets: () => ['127.0.0.1'] });
    expect(await newFetcher(transport).fetch(request)).toMatchObject({ status: 200 });
  });

  it('tells another origin only who asks and what for', async () => {
    const seen: string[] = [];
    const other = await serve((request, response) => {
      seen.push(JSON.stringify(request.headers));
      response.writeHead(302, { location: `${server.url}/back` }).end();
    });
    const server = await serve((request, response) => {
      seen.push(JSON.stringify(request.headers));
      if (request.url === '/') {
        response.writeHead(302, { location: '/same' }).end();
      } else if (request.url === '/same') {
        response.writeHead(302, { location: other.url }).end();
      } else {
        response.end('ok');
      }
    });
    const headers = {
      Authorization: 's3cret',
      cookie: 's3cret',
      'X-Api-Key': 's3cret',
      'accept-language': 'open',
      'user-agent': 'open',
    };
    const request = requestFor(server.url, { headers });
    const result = await newFetcher(transport).fetch(request);
    expect(result).toMatchObject({ status: 200 });
    const carries = seen.map((text) => [text.split('s3cret').length - 1, text.includes('"open"')]);
    expect(carries).toEqual([
      [3, true],
      [3, true],
      [0, true],
      [0, true],
    ]);
  });

  it('asks only its own URL whether the answer has changed', async () => {
    const seen: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      seen.push(`${request.url} ${request.headers['if-none-match']}`);
      response.writeHead(request.url === '/a' ? 302 : 200, { location: '/b' }).end();
    });
    const request = { conditions: { 'if-none-match': '"x"' } };
    const fetcher = newFetcher(transport);
    for (const path of ['/a', '/c']) {
      await fetcher.fetch(requestFor(`${server.url}${path}`, request));
    }
    expect(seen).toEqual(['/a "x"', '/b undefined', '/c "x"']);
  });

  it('keeps secrets from another origin that stand in a header for all', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers['user-agent'], request.headers['accept-language']);
      response.end('ok');
    });
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: other.url }).end();
    });
    const headers = { 'User-Agent': 'bot/s3cret', 'accept-language': 's3cret' };
    const request = requestFor(server.url, { headers, secretHeaders: Object.keys(headers) });
    await newFetcher(transport).fetch(request);
    expect(seen).toEqual([expect.not.stringMatching(/s3cret|got/u), undefined]);
  });

  it.each([
    ['raw UTF-8', '/stra\u00dfe-\u4e2d?q=\u00fc', 'utf8', '/stra%C3%9Fe-%E4%B8%AD?q=%C3%BC'],
    ['octets of no charset', '/caf\u00e9', 'latin1', '/caf%E9'],
    ['escapes', '/%E4%B8%AD%2f', 'latin1', '/%E4%B8%AD%2f'],
    ['spaces', '/a b ', 'latin1', '/a%20b'],
  ] as const)('follows a location of %s', async (_name, location, encoding, path) => {
    const server = await serveRaw((socket, head) => {
      const [, url = ''] = head.split(' ');
      const moved = `HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`;
      const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${url.length}\r\n\r\n${url}`;
      socket.write(Buffer.from(url === '/' ? moved : answer, encoding));
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ status: 200, body: Buffer.from(path) });
  });

  it('returns a redirect with an empty location as the response', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: '' }).end('here');
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ status: 302, body: Buffer.from('here') });
  });

  it('sends the cookies that a redirect sets in its chain, and in no other', async () => {
    const seen: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      seen.push(request.headers.cookie);
      if (request.headers.cookie?.includes('visited=yes') === true) {
        response.end('page');
      } else {
        response.appendHeader('set-cookie', 'visited=yes; Path=/');
        response.appendHeader(
          'set-cookie',
          'expires=Fri, 1; Expires=Wed, 01 Jan 2098 00:00:00 GMT',
        );
        response.writeHead(302, { location: request.url }).end();
      }
    });
    const fetcher = newFetcher(transport);
    for (const _ of [1, 2]) {
      const result = await fetcher.fetch(requestFor(`${server.url}/a/b`));
      expect(result).toMatchObject({ status: 200, body: Buffer.from('page') });
    }
    const both = expect.stringMatching(/^(?=.*visited=yes)(?=.*expires=Fri, 1)/);
    expect(seen).toEqual([undefined, both, undefined, both]);
  });

  it('sends a cookie only where it belongs', async () => {
    const seen: Record<string, string | undefined> = {};
    const hops = ['/one', '/two', '/one/more', '/gone', '/one/last'];
    const server = await serve((request, response) => {
      const at = hops.indexOf(request.url ?? '');
      seen[request.url ?? ''] = request.headers.cookie;
      const cookies = [
        ['a=1; Path=/one', 'b=1; Secure', 'c=1; Domain=other.example', 'd=1', 'e=1; Domain=com'],
        ['d=2', 'own=theirs'],
        [],
        ['d=; Max-Age=0', 'a=; Path=/one; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
      ][at];
      const next = hops[at + 1];
      if (next === undefined) {
        response.end();
      } else {
        response.setHeader('set-cookie', cookies ?? []);
        response.writeHead(307, { location: next }).end();
      }
    });
    // A name, so that cookies may have a domain and `Secure` is not waived for loopback.
    const fetcher = newFetcher(transport, { lookup: loopback });
    const url = `http://www.example.com:${server.port}`;
    await fetcher.fetch(requestFor(`${url}/one`, { headers: { Cookie: 'own=ours; x=1' } }));
    expect(seen).toEqual({
      '/one': 'own=ours; x=1',
      '/two': 'own=ours; x=1; d=1',
      '/one/more': 'x=1; a=1; d=2; own=theirs',
      '/gone': 'x=1; d=2; own=theirs',
      '/one/last': 'x=1; own=theirs',
    });
  });

  it('sends no cookie to another host', async () => {
    let cookie: string | undefined = 'none came';
    const server = await serve((request, response) => {
      if (request.url === '/target') {
        cookie = request.headers.cookie;
        response.end();
        return;
      }
      const location = `http://127.0.0.1:${server.port}/target`;
      response.setHeader('set-cookie', 'a=1; Path=/');
      response.writeHead(302, { location }).end();
    });
    const fetcher = newFetcher(transport, { lookup: loopback });
    await fetcher.fetch(requestFor(`http://www.example.com:${server.port}/`));
    expect(cookie).toBeUndefined();
  });

  it.each([
    ['/new?a=%C3%A9#part', '/new?a=%C3%A9'],
    ['/?again', '/?again'],
    ['/', undefined],
    ['/#part', undefined],
    ['/new?key=s3cret-of-ours', '/…'],
    ['/new?key=s3cret-of-ours%21', '/…'],
    ['/login;jsessionid=s3cret-session', '/…'],
    ['/en-GB/', '/en-GB/'],
  ])('tells where a redirect to %s led', async (location, path) => {
    let isFirst = true;
    const server = await serve((_request, response) => {
      response.writeHead(isFirst ? 302 : 404, { location }).end();
      isFirst = false;
    });
    const headers = {
      'X-Key': 'GenieKey s3cret-of-ours',
      cookie: 'JSESSIONID=s3cret-session; lang=en-GB',
    };
    const request = requestFor(server.url, {
      headers,
      secrets: () => ['s3cret-of-ours', 's3cret-session'],
    });
    const result = await newFetcher(transport).fetch(request);
    expect(result).toMatchObject({ kind: 'response', status: 404 });
    expect(result.finalUrl).toBe(path === undefined ? undefined : `${server.url}${path}`);
  });

  it('tells where a redirect led if nothing answers there', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/x' }).end();
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ kind: 'failure', finalUrl: 'http://127.0.0.1:1/x' });
  });

  it.each([
    ['never ends', 'content-length: 10', 'a'],
    ['is huge', 'content-length: 99999999', 'x'.repeat(200_000)],
    ['is cut', 'transfer-encoding: chunked', undefined],
  ])('follows a redirect whose body %s', async (_name, header, body) => {
    const server = await serveRaw((socket, head) => {
      if (head.startsWith('GET /target')) {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        return;
      }
      socket.write(`HTTP/1.1 302 Found\r\nlocation: /target\r\n${header}\r\n\r\n`);
      if (body === undefined) {
        socket.end('5\r\nab');
      } else {
        socket.write(body);
      }
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ kind: 'response', status: 200, body: Buffer.from('ok') });
    await eventually(() => server.sockets.size <= 1);
  });
});
