import { appendFile, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { binaryPath, installLeakGuard, startProcess } from '@fetchfleet/testing';
import { Project } from '../../cli-fixture.ts';

const BATCH = 'test-20261123-0017-k3f9';

let project: Project;

beforeEach(async () => {
  project = await Project.create();
});
afterEach(async () => {
  await project.remove();
});
installLeakGuard();

const line = (index: number): string =>
  `{"batch":"${BATCH}","index":${index},"params":{"n":"${index}"},"url":"http://127.0.0.1:9/${index}","outcome":"ok","status":200,` +
  `"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":2,"worker":"w-1","body":{"id":9007199254740993,"n":"ü,${index}"}}\n`;

async function layOut(
  written: number,
  total = written,
  edit = (text: string): string => text,
): Promise<void> {
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = { batch: BATCH, name: 'test', total, params: ['n'], url: '' };
  const lines = Array.from({ length: written }, (_, index) => line(index));
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1.ndjson'), edit(lines.join('')));
}

/** The second fetch lacks its first page. */
const withPages = (text: string): string =>
  text.replaceAll(/"index":(\d)/gu, (_, index) => `"index":${index},"page":${Number(index) + 1}`);

const caches = async (): Promise<string[]> =>
  (await readdir(project.path('results', BATCH))).filter((name) => name.startsWith('records-'));

const ask = async (...args: string[]) => project.call(['query', BATCH, ...args]);

describe('query', () => {
  it('prints a table', async () => {
    await layOut(12);
    const sql =
      "SELECT index, params_n AS n, body->>'$.n' AS name, NULL AS none FROM records LIMIT 2";
    expect(await ask(sql)).toEqual({
      code: 0,
      stdout: 'index  n  name  none\n    0  0  ü,0\n    1  1  ü,1\n',
      stderr: '',
    });
    expect((await ask('SUMMARIZE records;\n')).stdout).toMatch(/^column_name +column_type/u);
  });

  it('prints the first rows of a long table, and says so', async () => {
    await layOut(1_001);
    const { stdout, stderr } = await ask('FROM records ORDER BY index');
    expect([stdout.split('\n').length, stderr]).toEqual([
      1_002,
      'These are the first 1,000 rows; --format csv has all.\n',
    ]);
  });

  it.each([
    ['csv', 'id,n\n9007199254740993,"ü,0"\n9007199254740993,"ü,1"\n'],
    ['json', '[\n\t{"id":9007199254740993,"n":"ü,0"},\n\t{"id":9007199254740993,"n":"ü,1"}\n]\n'],
  ])('writes %s, to stdout and to a file', async (format, expected) => {
    await layOut(2);
    await writeFile(
      project.path('names.sql'),
      "SELECT (body->>'$.id')::BIGINT AS id, body->>'$.n' AS n\nFROM records -- all of them\n;\n",
    );
    const args = ['--sql', 'names.sql', '--format', format];
    expect(await ask(...args)).toEqual({ code: 0, stdout: expected, stderr: '' });
    expect(await ask(...args, '-o', 'out.gz')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(gunzipSync(await readFile(project.path('out.gz'))).toString()).toBe(expected);
  });

  it('has its answer as document', async () => {
    await layOut(1);
    expect((await ask('SELECT index FROM records', '--json')).stdout).toBe('[\n\t{"index":0}\n]\n');
  });

  it('writes null in JSON for numbers that JSON does not have', async () => {
    await layOut(1);
    const sql = `SELECT 1 / 0 AS x, [-1.0 / 0, 2] AS list, {'a': 'nan'::DOUBLE} AS struct,
      map {'k': 1 / 0} AS map, '{"a":NaN}'::JSON AS json, 'NaN' AS text, 'nan'::FLOAT AS f`;
    const { code, stdout } = await ask(sql, '--json');
    const row = { x: null, list: [null, 2], struct: { a: null }, map: { k: null } };
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      [{ ...row, json: { a: null }, text: 'NaN', f: null }],
    ]);
    await ask(sql, '-o', 'out.json');
    expect(await readFile(project.path('out.json'), 'utf8')).toBe(stdout);
  });

  it('writes Parquet', async () => {
    await layOut(3);
    await ask('SELECT index, url FROM records WHERE index > 0', '-o', 'o.parquet');
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(`FROM '${project.path('o.parquet')}'`);
    expect(reader.getRows()).toEqual([
      [1n, 'http://127.0.0.1:9/1'],
      [2n, 'http://127.0.0.1:9/2'],
    ]);
    connection.closeSync();
    instance.closeSync();
  });

  it('reads the table again, and makes it anew when a part has changed', async () => {
    await layOut(2, 3);
    const count = async (): Promise<string> =>
      (await ask('SELECT count(*) AS n FROM records')).stdout;
    expect(await count()).toBe('n\n2\n');
    const [first = ''] = await caches();
    // What is in the file now is read, so the parts were not.
    await cp(project.path('results', BATCH, first), project.path('kept'));
    await ask('SELECT * FROM records LIMIT 1', '--format=parquet', '-o', 'one.parquet');
    await cp(project.path('one.parquet'), project.path('results', BATCH, first));
    expect(await count()).toBe('n\n1\n');
    await appendFile(project.path('results', BATCH, 'part-w-1.ndjson'), line(2));
    expect(await count()).toBe('n\n3\n');
    expect(await caches()).not.toContain(first);
    expect(await caches()).toHaveLength(1);
  });

  it('replaces what others have put at the name of the table, and does not write through it', async () => {
    await layOut(1);
    await ask('FROM records');
    const [name = ''] = await caches();
    await writeFile(project.path('other'), 'of somebody else');
    const path = project.path('results', BATCH, name);
    await rm(path);
    await symlink(project.path('other'), path);
    expect(await ask('SELECT index FROM records')).toMatchObject({
      code: 0,
      stdout: 'index\n    0\n',
    });
    expect(await readFile(project.path('other'), 'utf8')).toBe('of somebody else');
  });

  it('says how many fetches have no record yet, and exits with 1', async () => {
    await layOut(2, 5);
    for (const _ of ['made', 'read again']) {
      const { code, stderr } = await ask('SELECT 1');
      expect([code, stderr]).toEqual([
        1,
        'warning: no record is here yet of 3 fetches of the batch\n',
      ]);
    }
  });

  it('takes a fetch to be missing that lacks one of its pages', async () => {
    await layOut(2, 2, (text) => withPages(text).replaceAll(/("page":\d)/gu, '$1,"end":"empty"'));
    expect(await ask('SELECT 1')).toMatchObject({
      code: 1,
      stderr: 'warning: no record is here yet of 1 fetch of the batch\n',
    });
  });

  it.each([
    [['SELECT foo FROM records'], /^error: Binder Error: Referenced column "foo" not found/u],
    [['SELEC 1'], /^error: Parser Error: syntax error at or near "SELEC"\n$/u],
    [['SELECT 1; SELECT 2'], /^error: a query is one statement, and these are 2\n$/u],
    [[''], /^error: a query is one statement, and these are 0\n$/u],
    [[], /^error: give one statement/u],
    [['SELECT 1', '--sql', 'x.sql'], /^error: give one statement/u],
    [['--sql', 'x.sql'], /^error: x\.sql cannot be read: it does not exist\n$/u],
    [['SELECT 1', '-o', 'x'], /^error: a table is for people: add --format/u],
  ])('refuses %j in a sentence', async (args, message) => {
    await layOut(1);
    const { code, stdout, stderr } = await ask(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  it('refuses a batch that is not there', async () => {
    await layOut(1);
    const { code, stderr } = await project.call(['query', 'test-20261123-0017-k3f8', 'SELECT 1']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(BATCH)]);
  });

  it('works where the table cannot be written beside the results', async () => {
    await layOut(1);
    await ask('FROM records');
    const [name = ''] = await caches();
    await rm(project.path('results', BATCH, name));
    await mkdir(project.path('results', BATCH, name));
    expect(await ask('SELECT index FROM records')).toEqual({
      code: 0,
      stdout: 'index\n    0\n',
      stderr: '',
    });
  });

  it('says how to install DuckDB where it is missing; nothing else needs it', async () => {
    await layOut(1);
    const program = project.path('program');
    const dist = join(dirname(dirname(binaryPath('fetchfleet'))), 'dist');
    await cp(dist, program, { recursive: true });
    await mkdir(project.path('tmp'));
    const run = async (...args: string[]) => {
      const running = await startProcess('node', [join(program, 'main.js'), ...args], {
        cwd: project.folder.path,
        env: { ...project.env, TMPDIR: project.path('tmp') },
      });
      return { ...(await running.exit), stderr: running.stderr };
    };
    expect(await run('query', BATCH, 'SELECT 1')).toMatchObject({
      code: 2,
      stderr: 'error: query needs DuckDB: npm install @duckdb/node-api\n',
    });
    expect(await readdir(project.path('tmp'))).toEqual([]);
    expect(await run('export', BATCH, '--format', 'parquet', '-o', 'o')).toMatchObject({ code: 0 });
  });
});
