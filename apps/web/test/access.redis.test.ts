import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { readSettings } from '../src/config.ts';
import { Web } from './web-fixture.ts';

closeAfterEach();

const TOKEN = 'a token of some length';
const PAUSE = { command: 'pause', target: 'some-batch' };

/** As a reverse proxy sets them. */
function forwarded(address: string): Record<string, string> {
  return { 'x-forwarded-for': `1.2.3.4, ${address}`, 'x-forwarded-proto': 'https' };
}

function codeOf({ text }: { readonly text: string }): string {
  return JSON.parse(text).code;
}

describe('who may see', () => {
  it('refuses names that are not its own', async () => {
    const web = await Web.start(['--allow-host', 'fleet.example']);
    const port = new URL(web.origin).port;
    const names = {
      [`127.0.0.1:${port}`]: 200,
      [`localhost:${port}`]: 200,
      'LOCALHOST:1': 200,
      '[::1]:8788': 200,
      'fleet.example': 200,
      'evil.example': 421,
      'fleet.example.evil.example': 421,
      'localhost.evil.example:8788': 421,
      '10.0.0.1:8788': 421,
      '127.0.0.1.evil.example': 421,
      '127.0.0.1@evil.example': 421,
    };
    for (const [host, status] of Object.entries(names)) {
      for (const path of ['/api/fleet', '/', '/assets/index-B3f9x0a1.js']) {
        expect([host, (await web.ask(path, { headers: { host } })).status]).toEqual([host, status]);
      }
    }
  });

  it('refuses requests that pages of other sites send, and takes those of programs', async () => {
    const web = await Web.start();
    const { host } = new URL(web.origin);
    const sent: [Record<string, string>, number][] = [
      [{}, 200],
      [{ 'sec-fetch-site': 'same-origin' }, 200],
      [{ 'sec-fetch-site': 'none' }, 200],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-site' }, 403],
      [{ origin: web.origin }, 200],
      [{ origin: `https://${host}` }, 200],
      [{ origin: 'https://evil.example' }, 403],
      [{ origin: 'http://localhost:1' }, 403],
      [{ origin: 'http://127.0.0.1:9999' }, 403],
      [{ origin: 'http://127.0.0.1' }, 403],
      [{ origin: 'http://127.0.0.1:9999', 'sec-fetch-site': 'none' }, 403],
      // A proxy on the same machine.
      [{ origin: 'http://127.0.0.1:9999', 'sec-fetch-site': 'same-origin' }, 200],
      [{ origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' }, 403],
      [{ origin: 'null' }, 403],
      [{ origin: web.origin, 'sec-fetch-site': 'cross-site' }, 403],
    ];
    for (const [headers, status] of sent) {
      expect([headers, (await web.ask('/api/fleet', { headers })).status]).toEqual([
        headers,
        status,
      ]);
    }
  });

  it('takes those of a page behind a proxy, whatever its port', async () => {
    const web = await Web.start(['--host', 'localhost', '--allow-host', 'fleet.example']);
    const origins = {
      'https://fleet.example': 200,
      'http://fleet.example:8443': 200,
      'http://localhost:9999': 403,
    };
    for (const [origin, status] of Object.entries(origins)) {
      expect([origin, (await web.ask('/api/fleet', { headers: { origin } })).status]).toEqual([
        origin,
        status,
      ]);
    }
  });

  it('asks for the token, keeps a cookie that only the server reads, and forgets it', async () => {
    const web = await Web.start(['--token', TOKEN]);
    expect((await web.ask('/')).status).toBe(200);
    const refused = await web.ask('/api/fleet');
    expect([refused.status, codeOf(refused)]).toEqual([401, 'LOGIN_REQUIRED']);
    expect((await web.ask('/api/login', { body: { token: `${TOKEN}.` } })).status).toBe(401);
    const login = await web.ask('/api/login', { body: { token: TOKEN } });
    const cookie = String(login.headers['set-cookie']);
    expect(cookie).toMatch(/^fetchfleet=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/u);
    expect(cookie).not.toContain(TOKEN);
    const own = cookie.split(';')[0] ?? '';
    expect((await web.ask('/api/fleet', { headers: { cookie: `a=b; ${own}` } })).status).toBe(200);
    const wrong = { cookie: `${own.slice(0, -1)}!` };
    expect((await web.ask('/api/fleet', { headers: wrong })).status).toBe(401);
    const bearer = { authorization: `Bearer ${TOKEN.replaceAll(' ', '')}` };
    expect((await web.ask('/api/fleet', { headers: bearer })).status).toBe(401);
    const logout = await web.ask('/api/logout', { body: {} });
    expect(String(logout.headers['set-cookie'])).toMatch(/^fetchfleet=; .*Max-Age=0$/u);
  });

  it('takes the token of programs', async () => {
    const web = await Web.start(['--token', 'a-token-of-a-program']);
    const headers = { authorization: 'Bearer a-token-of-a-program' };
    expect((await web.ask('/api/fleet', { headers })).status).toBe(200);
  });

  it('lets nobody log in from a page of another site', async () => {
    const web = await Web.start(['--token', TOKEN]);
    const headers = { origin: 'https://evil.example' };
    expect((await web.ask('/api/login', { body: { token: TOKEN }, headers })).status).toBe(403);
    const form = { 'content-type': 'text/plain' };
    expect((await web.ask('/api/login', { body: { token: TOKEN }, headers: form })).status).toBe(
      415,
    );
  });

  it('limits tries, also with the right token and other addresses that are only said', async () => {
    const web = await Web.start(['--token', TOKEN]);
    for (let at = 0; at < 5; at += 1) {
      const one = await web.ask('/api/login', {
        body: { token: `no ${at}` },
        headers: forwarded(`10.0.0.${at}`),
      });
      expect(one.status).toBe(401);
    }
    const late = await web.ask('/api/login', {
      body: { token: TOKEN },
      headers: forwarded('10.0.0.9'),
    });
    expect([late.status, codeOf(late)]).toEqual([429, 'TOO_MANY_TRIES']);
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(30);
    const bearer = { authorization: 'Bearer x' };
    expect((await web.ask('/api/fleet', { headers: bearer })).status).toBe(429);
  });

  it('counts tries by the address that a trusted proxy names, and marks its https', async () => {
    const web = await Web.start(['--token', TOKEN, '--trust-proxy']);
    for (let at = 0; at < 5; at += 1) {
      await web.ask('/api/login', { body: { token: 'no' }, headers: forwarded('10.0.0.1') });
    }
    const other = { body: { token: TOKEN }, headers: forwarded('10.0.0.2') };
    const login = await web.ask('/api/login', other);
    expect(login.status).toBe(200);
    expect(String(login.headers['set-cookie'])).toMatch(/; Secure$/u);
    const same = { body: { token: TOKEN }, headers: forwarded('10.0.0.1') };
    expect((await web.ask('/api/login', same)).status).toBe(429);
  });

  it('refuses to listen for others without a token', () => {
    const url = ['--redis-url', 'redis://127.0.0.1'];
    expect(() => readSettings([...url, '--host', '0.0.0.0'], {})).toThrow(/there is no token/u);
    expect(() => readSettings([...url, '--host', '::', '--read-only'], {})).toThrow(/no token/u);
    const env = { FETCHFLEET_WEB_TOKEN: 'a token of some length' };
    expect(readSettings([...url, '--host', '0.0.0.0'], env).token).toBe(env.FETCHFLEET_WEB_TOKEN);
    expect(() => readSettings([...url, '--token', 'secret'], {})).toThrow(/got \*\*\*/u);
    for (const base of ['fetchfleet', '/a b', '/a/../b', '//evil.example']) {
      expect(() => readSettings([...url, '--base', base], {})).toThrow(/--base/u);
    }
  });
});

describe('who may change', () => {
  it('needs a header that says that a page of ours asks', async () => {
    const web = await Web.start();
    const plain = { 'content-type': 'application/json' };
    const sent: [Record<string, string>, number][] = [
      [{}, 403],
      [{ 'sec-fetch-site': 'none' }, 403],
      [{ 'sec-fetch-site': 'cross-site', origin: web.origin }, 403],
      [{ origin: 'http://evil.example' }, 403],
      [{ origin: 'http://127.0.0.1:9999' }, 403],
      [{ 'sec-fetch-site': 'same-origin' }, 200],
      [{ origin: web.origin }, 200],
    ];
    for (const [headers, status] of sent) {
      const own = { ...plain, ...headers };
      const reply = await web.ask('/api/commands', { body: PAUSE, headers: own, isBare: true });
      expect([headers, reply.status]).toEqual([headers, status]);
    }
  });

  it('changes nothing with --read-only, and says so', async () => {
    const web = await Web.start(['--read-only']);
    const { status, document } = await web.json('/api/commands', { body: PAUSE });
    expect([status, document.code]).toEqual([403, 'READ_ONLY']);
    expect(document.error).toMatch(/^this page only shows/u);
    expect((await web.json('/api/fleet')).document.readOnly).toBe(true);
  });
});
