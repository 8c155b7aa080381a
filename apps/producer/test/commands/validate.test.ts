import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { Project } from '../cli-fixture.ts';

let project: Project;

beforeEach(async () => {
  project = await Project.create();
});

afterEach(async () => project.remove());

describe('fetchfleet init', () => {
  it('writes a crawl file that is valid, and overwrites nothing', async () => {
    const made = await project.call(['init']);
    expect(made).toMatchObject({ code: 0, stdout: '' });
    expect(made.stderr).toMatch(/fetchfleet validate crawl\.yaml/u);
    const text = await readFile(project.path('crawl.yaml'), 'utf8');
    const [first, ...others] = text.split('\n');
    expect(first).toBe('# yaml-language-server: $schema=crawl.schema.json');
    expect(others.length).toBeGreaterThan(20);
    const valid = await project.call(['validate', 'crawl.yaml']);
    expect(valid).toMatchObject({ code: 0, stderr: '' });
    expect(valid.stdout).toMatch(/^fetches +249$/mu);

    await project.write('crawl.yaml', 'mine');
    const fetched = { PATH: '/home/x/.npm/_npx/1a2b/node_modules/.bin', npm_command: 'exec' };
    const byNpx = await project.call(['init', 'other.yaml'], fetched);
    expect(byNpx.stderr).toContain('  npx --package fetchfleet fetchfleet-sample-api\n');
    const again = await project.call(['init']);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringMatching(/exists already/u) });
    expect(await readFile(project.path('crawl.yaml'), 'utf8')).toBe('mine');
    await mkdir(project.path('half/crawl.schema.json'), { recursive: true });
    expect(await project.call(['init', 'half/crawl.yaml'])).toMatchObject({ code: 3 });
    await expect(stat(project.path('half/crawl.yaml'))).rejects.toThrow(/ENOENT/u);
    const nowhere = await project.run(['init', 'no/such/folder/crawl.yaml']);
    expect(nowhere).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/cannot be written: E/u),
    });
    const other = await project.call(['init', 'two words.yaml', '--json']);
    const schema = project.path('crawl.schema.json');
    expect(JSON.parse(other.stdout)).toEqual({ file: project.path('two words.yaml'), schema });
    const printed = await project.call(['schema']);
    expect(await readFile(schema, 'utf8')).toBe(printed.stdout);
    expect(JSON.parse(printed.stdout)).toHaveProperty('properties.politeness');
  });
});

describe('what validate says of the time', () => {
  it.each([
    ['1', 'with 1 fetch in flight at each'],
    ['4', 'with 4 fetches in flight at each'],
    ['unlimited', 'nothing is limited'],
  ])('counts with a concurrency of %s', async (concurrency, words) => {
    const politeness = `politeness: { concurrency: ${concurrency} }`;
    await project.write('crawl.yaml', `url: https://a.example/\n${politeness}\n`);
    const { stdout } = await project.call(['validate', 'crawl.yaml']);
    expect(stdout).toContain(words);
  });
});

describe('secrets', () => {
  const PROXY = 'http://ann:${env:VALIDATE_PASSWORD}@proxy.example:3128';

  beforeEach(async () => {
    const network = `network: { proxy: '${PROXY}' }`;
    const headers = 'headers: { x: "${env:VALIDATE_KEY}", y: "${env:AWS_SESSION_TOKEN}" }';
    const lines = ['url: https://a.example/', 'contact: me@example.com', headers, network];
    await project.write('crawl.yaml', lines.join('\n'));
  });

  it('that are not set are a warning of validate, because workers may have them', async () => {
    const env = { VALIDATE_PASSWORD: 'x', AWS_SESSION_TOKEN: 'y' };
    expect(await project.call(['validate', 'crawl.yaml'], env)).toMatchObject({
      code: 0,
      stderr: 'warning: VALIDATE_KEY is not set here; workers need it\n',
    });
  });

  it.each([[[]], [['--dry-run']]])('are refused by run %j, each with the reason', async (flags) => {
    const run = async (env: Record<string, string>) =>
      project.call(['run', 'crawl.yaml', ...flags], { AWS_SESSION_TOKEN: 'y', ...env });
    const unset = await run({});
    expect(unset).toMatchObject({ code: 2, stdout: '' });
    expect(unset.stderr).toContain('crawl.yaml: the variable VALIDATE_KEY is not set\n');
    expect(unset.stderr).toContain('crawl.yaml: the variable VALIDATE_PASSWORD is not set\n');
    expect(unset.stderr).toContain('crawl.yaml: AWS_SESSION_TOKEN is not sent just because');
    const wrong = await run({ VALIDATE_KEY: 'Ł', VALIDATE_PASSWORD: 'Ł' });
    expect(wrong.stderr).toContain('crawl.yaml: the value of VALIDATE_KEY contains characters');
    expect(wrong.stderr).not.toContain('VALIDATE_PASSWORD');
  });
});

describe.each([['validate'], ['run', '--dry-run']])('fetchfleet %s %s', (...command) => {
  const call = async (...options: string[]) =>
    project.call([command[0] ?? '', 'crawl.yaml', ...command.slice(1), ...options], {
      VALIDATE_KEY: 'sesame',
    });

  it('shows what --limit and --sample leave of it', async () => {
    const params = 'params: { n: { from: 1, to: 50 } }';
    await project.write('crawl.yaml', `url: https://a.example/{n}\n${params}\n`);
    const urlsOf = async (...options: string[]) => {
      const { first, last, total } = JSON.parse((await call('--json', ...options)).stdout);
      return [
        total,
        ...[...first, ...last].map(({ url }) => url.slice('https://a.example/'.length)),
      ];
    };
    expect(await urlsOf('--limit', '2')).toEqual([2, '1', '2']);
    expect(await urlsOf('--sample', '3')).toEqual([3, '1', '25', '50']);
    expect((await urlsOf('-n', '51'))[0]).toBe(50);
    for (const wrong of [
      ['-n', '0'],
      ['--limit', 'x'],
      ['--sample', '1000001'],
    ]) {
      const { code, stderr } = await call(...wrong);
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/: "\w+" is no number from 1 to /u),
      ]);
    }
    expect((await call('-n', '1', '--sample', '1')).code).toBe(2);
  });

  it('shows the first page of each fetch, and how many there may be', async () => {
    await project.write(
      'crawl.yaml',
      'url: https://a.example/items?q={q}\nparams: { q: [x] }\ncontact: me@example.com\n' +
        'paginate: { next: { query: page }, max: 20 }\n',
    );
    const { stdout } = await call();
    expect(stdout).toMatch(/^pages +up to 20 for each fetch$/mu);
    expect(stdout).toMatch(/^ +#0 GET https:\/\/a\.example\/items\?q=x&page=1$/mu);
    expect(JSON.parse((await call('--json')).stdout)).toMatchObject({ maxPages: 20 });
  });

  it('shows the first and last requests as they would be sent, and how long they take', async () => {
    await project.write(
      'crawl.yaml',
      [
        'url: https://{host}.example/{n}',
        'params: { host: [a, b], n: { from: 1, to: 601 } }',
        'contact: me@example.com',
        'headers: { x-key: "${env:VALIDATE_KEY}" }',
        'politeness: { rate: 10/s }',
      ].join('\n'),
    );
    const { code, stdout, stderr } = await call();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'name      crawl',
      'fetches   1,202',
      'origins   2',
      'takes     at least 1 min, because of politeness.rate',
      expect.stringMatching(
        /^header +user-agent: fetchfleet\/\S+ \(\+mailto:me@|^header +user-agent: fetchfleet\/\S+ \(\+me@/u,
      ),
      'header    x-key: ${env:VALIDATE_KEY}',
      '',
      '  #0 GET https://a.example/1',
      '  #1 GET https://a.example/2',
      '  #2 GET https://a.example/3',
      '  #3 GET https://a.example/4',
      '  #4 GET https://a.example/5',
      '  … 1,192 more',
      '  #1197 GET https://b.example/597',
      '  #1198 GET https://b.example/598',
      '  #1199 GET https://b.example/599',
      '  #1200 GET https://b.example/600',
      '  #1201 GET https://b.example/601',
      '',
    ]);
  });

  it('shows method, headers and body of each request, with secrets as names', async () => {
    await project.write(
      'crawl.yaml',
      [
        'url: https://a.example/{n}',
        'params: { n: [1, 2], lang: [de] }',
        'contact: me@example.com',
        'headers: { x-lang: "{{lang}}", x-key: "Bearer ${env:VALIDATE_KEY}" }',
        'body: { json: { n: "{{n|json}}", lang: "{{lang}}\\n" } }',
      ].join('\n'),
    );
    const { stdout } = await call();
    expect(stdout.split('\n').slice(4)).toEqual([
      expect.stringMatching(/^header +user-agent: fetchfleet/u),
      'header    content-type: application/json',
      'header    x-key: Bearer ${env:VALIDATE_KEY}',
      '',
      '  #0 POST https://a.example/1',
      '     x-lang: de',
      '     idempotency-key: <batch>-0-1',
      '     body: {"n":1,"lang":"de\\n"}',
      '  #1 POST https://a.example/2',
      '     x-lang: de',
      '     idempotency-key: <batch>-1-1',
      '     body: {"n":2,"lang":"de\\n"}',
      '',
    ]);
    const { first } = JSON.parse((await call('--json')).stdout);
    expect(first[1]).toMatchObject({
      method: 'POST',
      url: 'https://a.example/2',
      headers: { 'x-lang': 'de', 'x-key': 'Bearer ${env:VALIDATE_KEY}' },
      body: '{"n":2,"lang":"de\\n"}',
    });
    await project.write('crawl.yaml', 'url: https://a.example/\nmethod: PUT\nbody: { text: x }\n');
    expect((await call()).stdout).toMatch(/^body +x\n\n +#0 PUT https:\/\/a\.example\/\n$/mu);
  });

  it('shows no request twice if there are few', async () => {
    await project.write('crawl.yaml', 'url: https://a.example/{n}\nparams: { n: [1, 2, 3] }\n');
    const { stdout } = await call('--json');
    const { first, last, total, leastMs } = JSON.parse(stdout);
    expect({ total, leastMs, last }).toEqual({ total: 3, leastMs: null, last: [] });
    expect(first.map(({ url }: { url: string }) => url)).toEqual([
      'https://a.example/1',
      'https://a.example/2',
      'https://a.example/3',
    ]);
  });

  it('refuses wrong settings of a run', async () => {
    await project.write('crawl.yaml', 'url: https://a.example/{n}\nparams: { n: [1, 2, 3] }\n');
    const options = command[0] === 'run' ? ['--workers', 'many'] : ['--workers', '1'];
    expect(await call(...options)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/--workers/u),
    });
  });

  it('reports every problem, also in lists', async () => {
    await project.write('ids.csv', 'id\n1\n\n..\n');
    await project.write(
      'crawl.yaml',
      'url: https://a.example/{id}\nparams: { id: { file: ids.csv, column: id } }\n',
    );
    const { code, stderr, stdout } = await call();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/ids\.csv:4/u);
  });
});
