import { afterEach, describe, expect, it } from '@jest/globals';
import { startApi, stopApis } from '../api-fixture.ts';

afterEach(stopApis);

describe('/rows', () => {
  it('echoes what was sent, without credentials', async () => {
    const { post } = await startApi();
    const answer = await post('/rows/7?lang=en', '{"name":"Ada"}', {
      'content-type': 'application/json',
      'x-lang': 'en',
      authorization: 'Bearer top-secret',
    });
    const text = await answer.text();
    expect(answer.status).toBe(201);
    expect(text).not.toContain('top-secret');
    expect(JSON.parse(text)).toMatchObject({
      method: 'POST',
      path: '/rows/7',
      query: { lang: 'en' },
      headers: { 'content-type': 'application/json', 'x-lang': 'en' },
      credentials: ['authorization'],
      body: { name: 'Ada' },
      times: 1,
    });
  });

  it('echoes a list as a list', async () => {
    const { post } = await startApi();
    expect(await (await post('/rows/7', '[1,2]')).json()).toMatchObject({ body: [1, 2] });
  });

  it('counts requests by their idempotency key', async () => {
    const { get, post } = await startApi();
    for (const key of ['a', 'b', 'a', 'a']) {
      await post('/rows/1', 'x', { 'idempotency-key': key });
    }
    await post('/rows/1', 'x');
    const counts = { requests: 5, keys: 2, repeated: 2, withoutKey: 1 };
    expect(await (await get('/rows')).json()).toEqual(counts);
  });

  it.each(['PUT', 'PATCH', 'DELETE', 'GET'])('answers %s', async (method) => {
    const answer = await (await startApi()).get('/rows/1', { method });
    expect(await answer.json()).toMatchObject({ method, body: '' });
  });

  it('refuses a body that is too large', async () => {
    const { get, post } = await startApi();
    const answer = await post('/rows/1', 'x'.repeat(1024 * 1024 + 1)).catch(() => undefined);
    // A client that still sends may find the connection closed instead.
    expect([413, undefined]).toContain(answer?.status);
    expect(await (await get('/rows')).json()).toMatchObject({ requests: 0 });
    expect((await post('/rows/1', 'x'.repeat(1024 * 1024))).status).toBe(201);
  });
});

describe('/graphql', () => {
  const query = 'query($c: ID!) { country(code: $c) { name } }';

  async function ask(variables: object, dials = '') {
    const { post } = await startApi();
    const answer = await post(`/graphql${dials}`, JSON.stringify({ query, variables }));
    return [answer.status, await answer.json()];
  }

  it('answers with data', async () => {
    const country = { name: 'Kenya', code: 'KE', slug: 'kenya' };
    expect(await ask({ c: 'KE' })).toEqual([200, { data: { country } }]);
    expect(await ask({ c: 'XX' })).toEqual([200, { data: { country: null } }]);
  });

  it('says errors with the status 200', async () => {
    const errors = [expect.objectContaining({ message: expect.any(String) })];
    expect(await ask({})).toEqual([200, { data: null, errors }]);
    expect(await ask({ c: 'KE' }, '?graphqlError=1')).toEqual([200, { data: null, errors }]);
  });

  it('refuses what is no query', async () => {
    const { get, post } = await startApi();
    expect((await post('/graphql', '{}')).status).toBe(400);
    expect((await get('/graphql')).status).toBe(405);
  });
});

const form = (more: Record<string, string> = {}) =>
  new URLSearchParams({ grant_type: 'client_credentials', ...more });

async function tokenOf(answer: Promise<Response>): Promise<string> {
  return ((await (await answer).json()) as { access_token: string }).access_token;
}

describe('/token', () => {
  const own = { client_id: 'sample', client_secret: 'sample-secret' };
  const basic = { authorization: `Basic ${btoa('sample:sample-secret')}` };

  it('gives a token to a client that names itself in the form or by Basic', async () => {
    const { get, post } = await startApi();
    const answer = await post('/token', form({ ...own, scope: 'read' }));
    expect(await answer.json()).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: 'read',
    });
    const token = await tokenOf(post('/token', form(), basic));
    const headers = { authorization: `Bearer ${token}` };
    expect((await get('/private/country/kenya/status/confirmed', { headers })).status).toBe(200);
    expect(await (await get('/token')).json()).toEqual({ issued: 2, refused: 0 });
  });

  it('refuses other clients and other grants', async () => {
    const { post } = await startApi();
    expect((await post('/token', form())).status).toBe(401);
    expect((await post('/token', form({ ...own, client_secret: 'x' }))).status).toBe(401);
    expect((await post('/token', new URLSearchParams(own))).status).toBe(400);
  });

  it.each(['expiresIn=0', 'uses=1'])('gives tokens that end: %s', async (dial) => {
    const { get, post } = await startApi();
    const token = await tokenOf(post(`/token?${dial}`, form(own)));
    const ask = () => get('/private/items/link', { headers: { authorization: `Bearer ${token}` } });
    await ask();
    const answer = await ask();
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('is wanted by private pages, whose links stay private', async () => {
    const { get, post } = await startApi();
    const refused = await get('/private/items/next');
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="sample API"');
    expect(refused.status).toBe(401);
    const token = await tokenOf(post('/token', form(own)));
    const headers = { authorization: `Bearer ${token}` };
    const page = (await (await get('/private/items/next', { headers })).json()) as { next: string };
    expect(page.next).toBe('/private/items/next?page=2');
    expect((await get('/private/items/3', { headers })).status).toBe(200);
  });
});

it('/login sets a cookie with each of its redirects, and /account wants them', async () => {
  const { get } = await startApi();
  const cookies: string[] = [];
  let path = '/login';
  for (;;) {
    const answer = await get(path, { redirect: 'manual', headers: { cookie: cookies.join('; ') } });
    if (answer.status === 200) {
      break;
    }
    expect(answer.status).toBe(302);
    cookies.push(...answer.headers.getSetCookie().map((one) => one.replace(/;.*/u, '')));
    path = answer.headers.get('location') ?? '';
  }
  expect([path, cookies]).toEqual(['/account', ['session=s1', 'consent=yes']]);
  expect((await get('/account', { headers: { cookie: 'session=s1' } })).status).toBe(403);
});

it('a body drips as slowly as it is asked to, and is whole', async () => {
  const { get } = await startApi();
  const before = performance.now();
  const answer = await get('/country/kenya/status/confirmed?bytes=1000&drip=4000');
  const body = await answer.arrayBuffer();
  expect(body.byteLength).toBe(1_000);
  // Three pieces come after the first one, 100 ms apart; timers may fire one early.
  expect(performance.now() - before).toBeGreaterThanOrEqual(190);
});
