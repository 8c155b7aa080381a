import { connect } from 'node:net';
import { once } from 'node:events';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Web } from './web-fixture.ts';

closeAfterEach();

describe('the server of the page', () => {
  it('sends the same headers with every answer', async () => {
    const web = await Web.start();
    for (const path of ['/', '/api/fleet', '/api/none', '/assets/none.js', '/api/batches/%zz']) {
      const { headers } = await web.ask(path);
      expect(headers).toMatchObject({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
          "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; " +
          "frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      });
    }
  });

  it('serves the page, and its files for ever', async () => {
    const web = await Web.start();
    for (const path of ['/', '/?a=b', '/index.html']) {
      const page = await web.ask(path);
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(page.headers['cache-control']).toBe('no-store');
      expect(page.text).toContain('src="./assets/index-B3f9x0a1.js"');
    }
    const script = await web.ask('/assets/index-B3f9x0a1.js', {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const headers = { 'if-none-match': String(script.headers['etag']) };
    expect((await web.ask('/assets/index-B3f9x0a1.js', { headers })).status).toBe(304);
    const plain = { 'accept-encoding': 'gzip;q=0' };
    const other = await web.ask('/assets/index-B3f9x0a1.js', { headers: plain });
    expect(other.headers['content-encoding']).toBeUndefined();
  });

  it.each(['', '/fetchfleet'])(
    'leads to the view of a path without #, below "%s"',
    async (base) => {
      const web = await Web.start(['--base', `${base}/`]);
      const views = [
        ['/records', '/#/records'],
        ['/batches/', '/#/batches/'],
        ['/batches/one/records?outcome=timeout', '/#/batches/one/records?outcome=timeout'],
        ['/origins/https%3A%2F%2Fapi.example', '/#/origins/https%3A%2F%2Fapi.example'],
      ];
      for (const [path, view] of views) {
        const { status, headers } = await web.ask(`${base}${path}`);
        expect([path, status]).toEqual([path, 302]);
        // A proxy may have taken the beginning of the path away that the browser knows.
        for (const known of [`${web.origin}${base}`, `https://fleet.example/proxy${base}`]) {
          const location = new URL(String(headers['location']), `${known}${path}`);
          expect(location.href).toBe(`${known}${view}`);
        }
      }
      for (const path of ['/nope', '/nope/batches', '//batches', '/batches.html']) {
        expect([path, (await web.ask(`${base}${path}`)).status]).toEqual([path, 404]);
      }
    },
  );

  it('sends the first document with the page to those who may see it, and to nobody else', async () => {
    const token = 'a-token-of-some-length';
    const web = await Web.start(['--token', token]);
    const given = async (headers: Record<string, string>): Promise<unknown> => {
      const { text } = await web.ask('/', { headers });
      const [, json] =
        /<script type="application\/json" id="given">(.*)<\/script>/u.exec(text) ?? [];
      return json === undefined ? undefined : JSON.parse(json);
    };
    const known = { authorization: `Bearer ${token}` };
    const { document } = await web.json('/api/fleet', { headers: known });
    expect(await given(known)).toEqual(document);
    expect(await given({})).toBeUndefined();
    expect(await given({ authorization: 'Bearer wrong' })).toBeUndefined();
    expect(await given({ ...known, 'sec-fetch-site': 'cross-site' })).toBeUndefined();
  });

  it('serves no file but those of the page', async () => {
    const web = await Web.start();
    const paths = [
      '/..%2fpackage.json',
      '/../package.json',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/assets/..%2f..%2fpackage.json',
      '/assets/../index.html',
      '/..%5c..%5cetc%5cpasswd',
      '/assets/%00index.html',
      '/.env',
      '//etc/passwd.txt',
      '/assets/',
    ];
    for (const path of paths) {
      const { status, text } = await web.ask(path);
      expect([path, status]).toEqual([path, 404]);
      expect(text).not.toContain('root:');
    }
    expect((await web.ask('http://evil.example/')).status).toBe(400);
    expect((await web.ask('/', { method: 'POST' })).status).toBe(405);
  });

  it('lives below --base, and nowhere else', async () => {
    const web = await Web.start(['--base', '/fetchfleet/', '--token', 'a token of some length']);
    expect((await web.ask('/fetchfleet')).headers['location']).toBe('/fetchfleet/');
    expect((await web.ask('/fetchfleet/')).text).toContain('src="./assets/');
    expect((await web.ask('/fetchfleet/assets/index-B3f9x0a1.js')).status).toBe(200);
    expect((await web.ask('/fetchfleet/api/fleet')).status).toBe(401);
    for (const path of ['/', '/api/fleet', '/fetchfleets/api/fleet', '/assets/index-B3f9x0a1.js']) {
      expect([path, (await web.ask(path)).status]).toEqual([path, 404]);
    }
    const body = { token: 'a token of some length' };
    const login = await web.ask('/fetchfleet/api/login', { body });
    expect(String(login.headers['set-cookie'])).toContain('Path=/fetchfleet/');
  });

  it('refuses bodies that are too large, no JSON, or of another type', async () => {
    const web = await Web.start();
    const large = { command: 'validate', crawlFile: 'x'.repeat(3 * 1024 * 1024) };
    expect((await web.ask('/api/commands', { body: large })).status).toBe(413);
    expect((await web.ask('/api/commands', { body: '{' })).status).toBe(400);
    expect((await web.ask('/api/commands', { body: '['.repeat(400_000) })).status).toBe(400);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await web.ask('/api/commands', { body: 'a=b', headers: form })).status).toBe(415);
    const polluted = '{"command":"pause","__proto__":{"target":"b"}}';
    expect((await web.ask('/api/commands', { body: polluted })).status).toBe(400);
  });

  it('refuses heads that are too large, and requests without a host', async () => {
    const web = await Web.start();
    const headers = { 'x-long': 'x'.repeat(20_000) };
    expect((await web.ask('/api/fleet', { headers })).status).toBe(431);
    const socket = connect(Number(new URL(web.origin).port), '127.0.0.1');
    socket.end('GET /api/fleet HTTP/1.1\r\n\r\n');
    const [answer] = (await once(socket.setEncoding('utf8'), 'data')) as [string];
    expect(answer).toMatch(/^HTTP\/1\.1 400 /u);
    socket.destroy();
  });

  it('says what is allowed where a method is not', async () => {
    const web = await Web.start();
    const { status, headers } = await web.ask('/api/overview', { body: {} });
    expect([status, headers['allow']]).toEqual([405, 'GET']);
    for (const path of ['/api/overview', '/api/events?view=workers', '/api/batches/one/export']) {
      const { status: head, text } = await web.ask(path, { method: 'HEAD' });
      expect([path, head, text]).toEqual([path, 200, '']);
    }
  });
});
