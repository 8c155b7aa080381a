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

  it('keeps credentials within the origin, and drops them when the origin changes', async () => {
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
      'X-Key': 's3cret',
      'x-open': 'open',
    };
    const request = requestFor(server.url, { headers, secretHeaders: ['x-key'] });
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

  it.each([
    ['/new?a=%C3%A9#part', '/new?a=%C3%A9'],
    ['/?again', '/?again'],
    ['/', undefined],
    ['/#part', undefined],
    ['/new?key=s3cret-of-ours', '/…'],
    ['/new?key=s3cret-of-ours%21', '/…'],
  ])('tells where a redirect to %s led', async (location, path) => {
    let isFirst = true;
    const server = await serve((_request, response) => {
      response.writeHead(isFirst ? 302 : 404, { location }).end();
      isFirst = false;
    });
    const headers = { 'X-Key': 'Bearer s3cret-of-ours' };
    const request = requestFor(server.url, { headers, secretHeaders: ['X-Key'] });
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
