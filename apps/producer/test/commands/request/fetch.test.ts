import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Origin, startOrigin, startTinyproxy } from '@fetchfleet/testing';
import { Project } from '../../cli-fixture.ts';

let project: Project;
let origin: Origin;

beforeAll(async () => {
  project = await Project.create();
  origin = await startOrigin();
});

afterAll(async () => {
  await origin.stop();
  await project.remove();
});

beforeEach(() => origin.forget());

async function call(
  path: string,
  options: readonly string[] = [],
  env: Record<string, string> = {},
  columns?: number,
) {
  const args = ['fetch', `${origin.url}${path}`, '--allow-private', ...options];
  return project.call(args, env, columns);
}

describe.each(['got', 'native'])('fetchfleet fetch over %s', (transport) => {
  const using = ['--transport', transport];

  it('prints the record of one request, for people and for programs', async () => {
    const body = '{"id":9007199254740993,"price":1.10}';
    origin.respond('/one', { headers: { 'content-type': 'application/json' }, body });
    const { code, stdout, stderr } = await call('/one', using);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\{\n {2}"batch": "fetch",\n/u);
    expect(stdout).toContain(
      '  "body": {\n    "id": 9007199254740993,\n    "price": 1.10\n  }\n}\n',
    );
    const line = await call('/one', [...using, '--json']);
    expect(line.stdout.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(line.stdout)).toMatchObject({
      url: `${origin.url}/one`,
      outcome: 'ok',
      status: 200,
      contentType: 'application/json',
    });
    expect((await call('/one', [...using, '--body'])).stdout).toBe(body);
  });

  it('exits with 1 for a fetch that fails in a batch', async () => {
    origin.respond('/gone', { status: 404, body: 'no' });
    const gone = await call('/gone', using);
    expect([gone.code, JSON.parse(gone.stdout)]).toMatchObject([1, { outcome: 'http-error' }]);
    const { url } = await closedOrigin();
    const closed = await project.call(['fetch', url, '--allow-private', ...using]);
    expect(closed.code).toBe(1);
    expect(JSON.parse(closed.stdout)).toMatchObject({ error: { code: 'ECONNREFUSED' } });
    expect(closed.stderr).toMatch(/^error: /u);
  });

  it('sends method, headers and body', async () => {
    const bodies: string[] = [];
    origin.respond('/post', (request, response) => {
      request.on('data', (chunk) => bodies.push(String(chunk)));
      request.on('end', () => response.end('done'));
    });
    await project.write('body.json', '{"from":"file"}');
    const json = ['--data-json', '{"a": 1}', '-H', 'x-lang: en', '-H', 'accept:text/html'];
    const posted = await call('/post', [...using, ...json]);
    expect([posted.code, posted.stderr]).toEqual([0, '']);
    expect(JSON.parse(posted.stdout)).toMatchObject({ method: 'POST', body: 'done' });
    await call('/post', [...using, '-X', 'put', '-d', 'plain']);
    await call('/post', [...using, '--data-json', '@body.json']);
    await call('/post', [...using, '-X', 'DELETE']);
    expect(bodies).toEqual(['{"a": 1}', 'plain', '{"from":"file"}']);
    const sent = origin.arrivals.map(({ method, headers }) => [method, headers['content-type']]);
    expect(sent).toEqual([
      ['POST', 'application/json'],
      ['PUT', 'text/plain;charset=UTF-8'],
      ['POST', 'application/json'],
      ['DELETE', undefined],
    ]);
    expect(origin.arrivals[0]?.headers).toMatchObject({ 'x-lang': 'en', accept: 'text/html' });
  });

  it('shows headers of requests, redirects and answers, and no secret', async () => {
    origin.respond('/old', { status: 302, headers: { location: '/new' } });
    origin.respond('/new', { headers: { 'x-answer': 'yes' }, body: 'here' });
    const secret = ['-v', '-H', 'x-key: ${env:FETCH_KEY}', '-H', 'Authorization: Bearer t0ken'];
    const { stderr, stdout } = await call('/old', [...using, ...secret], { FETCH_KEY: 'sesame' });
    expect(stderr.split('\n')).toEqual(
      expect.arrayContaining([
        `> GET ${origin.url}/old`,
        '> x-key: ${env:FETCH_KEY}',
        '> authorization: (not shown)',
        '> accept: */*',
        '< 302',
        '< location: /new',
        `> redirected to ${origin.url}/new`,
        '< 200',
        '< x-answer: yes',
      ]),
    );
    expect(stderr + stdout).not.toMatch(/sesame|t0ken/u);
    expect(origin.arrivalsOf('/new')[0]?.headers).toMatchObject({
      'x-key': 'sesame',
      authorization: 'Bearer t0ken',
    });
  });
});

it('prints nothing to a terminal that could move its cursor', async () => {
  const body = 'a\u001b[2Jb\nc\u202ed';
  origin.respond('/odd', { headers: { 'content-type': 'text/plain; charset=utf-8' }, body });
  for (const option of [[], ['--body'], ['--json']]) {
    const { stdout } = await call('/odd', option, {}, 80);
    expect(stdout.includes('\u001b') || stdout.includes('\u202e')).toBe(false);
    expect(stdout).toContain('a\\u001b[2Jb');
  }
  const { stdout } = await call('/odd', ['--body']);
  expect(stdout).toBe(body);
});

it('reaches private addresses only if it is told to', async () => {
  const { code, stdout, stderr } = await project.call(['fetch', origin.url]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ outcome: 'address-refused' });
  expect(stderr).toMatch(/--allow-private/u);
  expect(origin.arrivals).toEqual([]);
});

it('obeys --timeout and --max-body', async () => {
  origin.respond('/slow', { delayMs: 60_000 });
  const slow = await call('/slow', ['--timeout', '50ms']);
  expect(JSON.parse(slow.stdout)).toMatchObject({ outcome: 'timeout' });
  origin.respond('/big', { body: 'x'.repeat(2_000) });
  const big = await call('/big', ['--max-body', '1kB']);
  expect(JSON.parse(big.stdout)).toMatchObject({ outcome: 'too-large' });
});

it.each<[string, readonly string[], RegExp]>([
  ['a method that is none', ['-X', 'FETCH'], /--method: "FETCH" is none of GET, HEAD/u],
  ['a body that GET has not', ['-X', 'GET', '-d', 'x'], /GET has no body/u],
  ['JSON that is none', ['--data-json', '{'], /--data-json: this is not valid JSON/u],
  ['a file that is not there', ['-d', '@nowhere'], /nowhere cannot be read: it does not exist/u],
  ['two bodies', ['-d', 'x', '--data-json', '1'], /cannot be used with/u],
  ['a header without a name', ['-H', 'sesame'], /--header : write it like/u],
  ['a header with a bad name', ['-H', 'a b: sesame'], /not a valid header name/u],
  ['a header that is set already', ['-H', 'Content-Length: 3'], /sets this header itself/u],
  ['a host', ['-H', 'host: sesame'], /sets this header itself/u],
  ['a header with a line break', ['-H', 'x: sesame\nx: y'], /not allowed in an HTTP header/u],
  ['a header twice', ['-H', 'x: 1', '-H', 'X: 2'], /--header x: the header is given twice/u],
  ['a malformed secret', ['-H', 'x: ${env: KEY}'], /a secret is written/u],
  ['a secret that is not set', ['-H', 'x: ${env:NO_KEY}'], /NO_KEY is not set/u],
  ['a secret of the system', ['-H', 'x: ${env:REDIS_URL}'], /REDIS_URL is not sent/u],
  ['a secret with a line break', ['-H', 'x: ${env:BAD_KEY}'], /the value of BAD_KEY contains/u],
  ['a timeout that is none', ['--timeout', '2h'], /no duration from 1ms to 1h/u],
  ['a size that is none', ['--max-body', '1GB'], /no size from 1B to 256MiB/u],
])('refuses %s, and sends nothing', async (_, options, message) => {
  const { code, stderr } = await call('/', options, { BAD_KEY: 'sesame\n' });
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect(stderr).not.toContain('sesame');
  expect(origin.arrivals).toEqual([]);
});

it('refuses what is no URL to fetch, and names every problem at once', async () => {
  const { code, stderr } = await project.call(['fetch', 'ftp://a.example/', '-X', 'x', '-H', ':']);
  expect(code).toBe(2);
  expect(stderr.match(/^error: /gmu)).toHaveLength(3);
});

/** An origin that is not there any more. */
async function closedOrigin(): Promise<Origin> {
  const closed = await startOrigin();
  await closed.stop();
  return closed;
}

it('goes through the proxy of the environment, and quotes no wrong one', async () => {
  const user = { name: 'ann', password: 's3same' };
  const proxy = await startTinyproxy({ user });
  const FETCHFLEET_PROXY = proxy.url.replace('//', '//ann:s3same@');
  expect(await call('/proxied', [], { FETCHFLEET_PROXY })).toMatchObject({ code: 0 });
  expect(proxy.log).toContain(`GET ${origin.url}/proxied`);
  await proxy.stop();
  const gone = await call('/proxied', ['-v'], { FETCHFLEET_PROXY });
  expect(gone).toMatchObject({ code: 1 });
  expect(gone.stdout).toContain('PROXY_UNREACHABLE');
  const wrong = await call('/proxied', [], { FETCHFLEET_PROXY: 'socks5://ann:s3same@x' });
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toMatch(/FETCHFLEET_PROXY: .*socks5:\/\/ is not known/u);
  expect(JSON.stringify([gone, wrong])).not.toContain('s3same');
});
