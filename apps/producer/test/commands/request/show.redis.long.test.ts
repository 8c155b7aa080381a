import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type Origin } from '@fetchfleet/testing';
import { crawlFile, type Project } from '../../cli-fixture.ts';
import { FleetProject } from '../../fleet-fixture.ts';

const BATCH = 'test-20261123-0017-k3f9';

let fleet: FleetProject;
let project: Project;
let origin: Origin;

beforeEach(async () => {
  fleet = await FleetProject.create();
  ({ project, origin } = fleet);
});

afterEach(async () => fleet.remove());

installLeakGuard();

interface Line {
  readonly outcome?: string;
  readonly body?: string;
}

function lineOf(batch: string, index: number, { outcome = 'ok', body = '"x"' }: Line = {}): string {
  return (
    `{"batch":"${batch}","index":${index},"params":{"n":"${index + 1}"},` +
    `"url":"${origin.url}/echo/${index + 1}","outcome":"${outcome}","status":200,"attempts":1,` +
    `"startedAt":"2026-11-23T00:17:04.120Z","durationMs":1,"bytes":2,"worker":"w","body":${body}}\n`
  );
}

async function write(batch: string, lines: readonly string[]): Promise<void> {
  await mkdir(project.path('results', batch), { recursive: true });
  await writeFile(project.path('results', batch, 'part-w-1.ndjson'), lines.join(''));
}

const show = async (...args: string[]) => project.call(['show', ...args]);

describe('fetchfleet show', () => {
  it('prints one record whole, of several the one that an export writes', async () => {
    const body = '{"id":9007199254740993,"long":"' + 'x'.repeat(300_000) + '"}';
    const others = Array.from({ length: 2_000 }, (_, index) => lineOf(BATCH, index + 18));
    await write(BATCH, [
      lineOf(BATCH, 17, { outcome: 'timeout' }),
      ...others,
      lineOf(BATCH, 17, { body }),
      lineOf(BATCH, 3),
    ]);
    const people = await project.call(['show', BATCH, '17'], { REDIS_URL: undefined });
    expect([people.code, people.stderr]).toEqual([0, '']);
    expect(people.stdout).toContain('\n    "id": 9007199254740993,\n');
    expect((await show(BATCH, '17', '--json')).stdout).toBe(lineOf(BATCH, 17, { body }));
    expect((await show(BATCH, '17', '--body')).stdout).toBe(body);
    expect((await show(BATCH, '3', '--json')).stdout).toBe(lineOf(BATCH, 3));
  });

  it('prints a record of any number of lines', async () => {
    const numbers = Array.from({ length: 200_000 }, (_, number) => number);
    await write(BATCH, [
      lineOf(BATCH, 0, { body: JSON.stringify(numbers) }),
      lineOf(BATCH, 1, { body: JSON.stringify('x\n'.repeat(200_000)) }).replace(
        '"body"',
        '"bodyEncoding":"text","body"',
      ),
    ]);
    const { code, stdout } = await show(BATCH, '0');
    expect([code, stdout.slice(-17)]).toEqual([0, '    199999\n  ]\n}\n']);
    const body = await project.call(['show', BATCH, '1', '--body'], {}, 80);
    expect([body.code, body.stdout.split('\n').length]).toEqual([0, 200_002]);
  });

  it('prints every page of a fetch, in order', async () => {
    const page = (number: number, end = '') =>
      lineOf(BATCH, 1).replace('"params"', `"page":${number},${end}"params"`);
    await write(BATCH, [page(2, '"end":"no-next",'), lineOf(BATCH, 0), page(1)]);
    const { code, stdout } = await show(BATCH, '1', '--json');
    expect([code, stdout]).toEqual([0, page(1) + page(2, '"end":"no-next",')]);
  });

  it('fails if a part was not read', async () => {
    await write(BATCH, [lineOf(BATCH, 0)]);
    await symlink('part-w-1.ndjson', project.path('results', BATCH, 'part-w-2.ndjson'));
    expect(await show(BATCH, '0', '--json')).toMatchObject({
      code: 1,
      stdout: lineOf(BATCH, 0),
      stderr: expect.stringContaining('part-w-2.ndjson'),
    });
  });

  it('says what is not there', async () => {
    await write(BATCH, [lineOf(BATCH, 0)]);
    expect(await show(BATCH, '1')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/fetch 1 of test-\S+ has no record in /u),
    });
    expect((await show(BATCH, 'x')).code).toBe(2);
    expect((await show(BATCH)).code).toBe(2);
    expect((await show(BATCH, '0', '-v')).stderr).toMatch(/add --again/u);
    expect(await show('test-20261123-0017-k3f8', '0')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(new RegExp(BATCH, 'u')),
    });
  });

  it('shows nothing of a record that moves the cursor of a terminal', async () => {
    await write(BATCH, [lineOf(BATCH, 0, { body: '"\u202ea"' })]);
    for (const options of [[], ['--json'], ['--body']]) {
      const { stdout } = await project.call(['show', BATCH, '0', ...options], {}, 80);
      expect(stdout).toContain(String.raw`\u202ea`);
      expect(stdout).not.toContain('\u202e');
    }
  });
});

describe('fetchfleet show --again', () => {
  const SECRET = 'headers: { x-key: "${env:FETCHFLEET_SECRET_KEY}", x-n: "n {{n}}" }';
  const POST = 'method: POST\nbody: { json: { n: "{{n|json}}" } }';

  it('fetches as the batch does, and keeps the record that there is', async () => {
    const bodies: string[] = [];
    origin.respond('/echo/3', (request, response) => {
      request.on('data', (chunk) => bodies.push(String(chunk)));
      request.on('end', () => response.writeHead(500).end('anew'));
    });
    const batch = await fleet.enqueue(crawlFile(origin.url, 5, `${SECRET}\n${POST}`));
    await write(batch, [lineOf(batch, 2)]);
    const again = ['show', batch, '2', '--again'];
    const env = { FETCHFLEET_SECRET_KEY: 'sesame' };
    const shown = await project.call([...again, '--allow-private', '-v'], env);
    expect(shown.code).toBe(1);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      batch,
      index: 2,
      params: { n: '3' },
      outcome: 'http-error',
      body: 'anew',
    });
    expect(origin.arrivals).toHaveLength(1);
    expect(origin.arrivals[0]).toMatchObject({
      method: 'POST',
      headers: { 'x-key': 'sesame', 'x-n': 'n 3', 'idempotency-key': `${batch}-2-1` },
    });
    expect(bodies).toEqual(['{"n":3}']);
    expect(shown.stderr).toContain('> x-key: ${env:FETCHFLEET_SECRET_KEY}\n> x-n: n 3\n');
    expect(shown.stderr).not.toContain('sesame');
    expect((await show(batch, '2', '--json')).stdout).toBe(lineOf(batch, 2));

    const unset = await project.call([...again, '--allow-private']);
    expect(unset).toMatchObject({ code: 2, stderr: expect.stringMatching(/KEY is not set/u) });
    const refused = await project.call(again, env);
    expect(JSON.parse(refused.stdout)).toMatchObject({ outcome: 'address-refused' });
    expect(origin.arrivals).toHaveLength(1);
  });

  it('sends the request of the first page', async () => {
    const pages = 'paginate: { next: { query: page, from: 1 }, until: { empty: $ } }';
    const batch = await fleet.enqueue(crawlFile(origin.url, 1, pages));
    await write(batch, [lineOf(batch, 0).replace('"params"', '"page":1,"params"')]);
    origin.respond('/echo/1?page=1', { body: '[]' });
    const again = await project.call(['show', batch, '0', '--again', '--allow-private']);
    expect(origin.arrivals.map(({ url }) => url)).toEqual(['/echo/1?page=1']);
    expect(again.code).toBe(0);
  });

  it('judges the answer as the batch does', async () => {
    const expected = 'expect: { status: [200, 404], has: $.data }';
    const batch = await fleet.enqueue(crawlFile(origin.url, 2, expected));
    await write(batch, [lineOf(batch, 0), lineOf(batch, 1)]);
    origin.respond('/echo/1', { body: '{"errors":[]}' });
    origin.respond('/echo/2', { status: 404, body: 'none' });
    const again = async (index: string) =>
      project.call(['show', batch, index, '--again', '--allow-private']);
    const [missing, listed] = [await again('0'), await again('1')];
    expect([missing.code, listed.code]).toEqual([1, 0]);
    expect(JSON.parse(missing.stdout)).toMatchObject({
      outcome: 'unexpected',
      error: { code: 'EXPECTED_PATH_MISSING' },
    });
    expect(JSON.parse(listed.stdout)).toMatchObject({ outcome: 'ok', status: 404, body: 'none' });
  });

  it('sends no variable that a crawl in a shared Redis merely names', async () => {
    const batch = await fleet.enqueue(crawlFile(origin.url, 1, 'headers: { x: "${env:HOME}" }'));
    await write(batch, [lineOf(batch, 0)]);
    const args = ['show', batch, '0', '--again', '--allow-private'];
    const refused = await project.call(args, { HOME: 'sesame' });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/HOME is not sent/u) });
    expect(origin.arrivals).toEqual([]);
    const allowed = await project.call([...args, '--secrets', 'HOME'], { HOME: 'sesame' });
    expect([allowed.code, origin.arrivals[0]?.headers['x']]).toEqual([0, 'sesame']);
  });

  it('sends no secret to an origin that only the record names', async () => {
    const key = '"${env:FETCHFLEET_SECRET_KEY}"';
    const crawl = crawlFile(`http://{host}:${origin.port}`, 1, `headers: { x: ${key} }`).replace(
      'params: {',
      'params: { host: [a.example],',
    );
    const batch = await fleet.enqueue(crawl);
    await write(batch, [lineOf(batch, 0).replace('{"n"', '{"host":"127.0.0.1","n"')]);
    const args = ['show', batch, '0', '--again', '--allow-private'];
    const env = { FETCHFLEET_SECRET_KEY: 'sesame' };
    const bound = `FETCHFLEET_SECRET_KEY@${origin.url}`;
    expect(await project.call(args, env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`add --secrets ${bound}`),
    });
    expect(origin.arrivals).toEqual([]);
    await write(batch, [lineOf(batch, 0)]);
    const other = await project.call(args, env);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/no parameter host/u) });
    await write(batch, [lineOf(batch, 0).replace('{"n"', '{"host":"127.0.0.1","n"')]);
    expect((await project.call([...args, '--secrets', bound], env)).code).toBe(0);
    expect(origin.arrivals[0]?.headers['x']).toBe('sesame');
  });
});

describe('fetchfleet show BATCH', () => {
  it('prints the crawl file, which means the same, and the first requests', async () => {
    const text = crawlFile(
      origin.url,
      7,
      'headers: { x-token: abc, x-key: k, accept: text/html } # why',
    );
    const id = await fleet.enqueue(text);
    const { code, stdout } = await show(id);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^# The crawl file of \S+ as the fleet stores it: its comments are gone/u,
    );
    expect(stdout).toContain('  x-token: hidden\n  x-key: hidden\n  accept: text/html\n');
    await writeFile(project.path('again.yaml'), stdout);
    expect(await fleet.json('validate', 'again.yaml')).toMatchObject({ document: { total: 7 } });
    const { document } = await fleet.json('show', id);
    expect(document).toMatchObject({ batch: id, total: 7, elsewhere: null });
    expect(document.first).toHaveLength(5);
    expect(document.first[4]).toMatchObject({
      index: 4,
      method: 'GET',
      url: `${origin.url}/echo/5`,
      headers: { 'x-token': 'hidden', accept: 'text/html' },
    });
  });

  it('names the lists that the fleet does not store', async () => {
    await writeFile(project.path('n.txt'), '1\n2\n');
    const id = await fleet.enqueue(
      `name: listed\nurl: ${origin.url}/echo/{n}\nparams: { n: { file: n.txt } }\n` +
        'network: { allowPrivate: true }',
    );
    const { document } = await fleet.json('show', id);
    expect(document).toMatchObject({ first: null, elsewhere: project.path('n.txt') });
  });

  it('refuses what is about one record', async () => {
    expect(await show(BATCH, '--again')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('name its index'),
    });
    expect(await show('none')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no batch "none" is known'),
    });
  });
});
