import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard } from '@fetchfleet/testing';
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

const line = (index: number, outcome = 'ok'): string =>
  `{"batch":"${BATCH}","index":${index},"params":{"n":"${index}"},"url":"http://127.0.0.1:9/${index}","outcome":"${outcome}","status":200,` +
  `"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":2,"worker":"w-1","body":{"items":[{"id":9007199254740993},{"id":1.10}]}}\n`;

async function layOut(lines: readonly string[]): Promise<string> {
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = { batch: BATCH, name: 'test', total: lines.length, params: ['n'], url: '' };
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1.ndjson'), lines.join(''));
  return lines.join('');
}

describe('export -o FILE.gz and FILE.zst', () => {
  it.each([
    ['.gz', gunzipSync],
    ['.zst', zstdDecompressSync],
  ] as const)('compresses a file that ends in %s', async (ending, decompress) => {
    const text = await layOut(Array.from({ length: 4_000 }, (_, index) => line(index)));
    const file = `out.ndjson${ending}`;
    expect(await project.call(['export', BATCH, '-o', file])).toMatchObject({ code: 0 });
    const bytes = await readFile(project.path(file));
    expect(decompress(bytes).toString() === text).toBe(true);
    expect(bytes.length).toBeLessThan(text.length / 5);
    // Also what is made of rows.
    await project.call(['export', BATCH, '--format', 'csv', '--fields', 'index', '-o', file]);
    const rows = decompress(await readFile(project.path(file))).toString();
    expect(rows).toMatch(/^index\n0\n1\n.*\n3999\n$/su);
  });

  it.each(['.gz', '.zst'])('exits with 3 if the disk is full (%s)', async (ending) => {
    await layOut(Array.from({ length: 4_000 }, (_, index) => line(index)));
    await symlink('/dev/full', project.path(`full${ending}`));
    const { code, stderr } = await project.run(['export', BATCH, '-o', `full${ending}`]);
    expect([code, stderr]).toEqual([3, expect.stringContaining('cannot be written: ENOSPC')]);
  });

  // A file that is written directly fails a second time when it is closed.
  it.each(['ndjson', 'parquet'])('exits with 3 if the disk is full (%s)', async (format) => {
    await layOut([line(0)]);
    await symlink('/dev/full', project.path('full'));
    const ended = await project.run(['export', BATCH, '-o', 'full', '--format', format]);
    expect(ended).toEqual({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^error: full cannot be written: ENOSPC/u),
    });
  });
});

describe('export with a choice', () => {
  it('writes chosen fields of records with chosen outcomes, and counts the others', async () => {
    await layOut([line(0), line(1, 'timeout'), line(2)]);
    const { code, stdout } = await project.call([
      'export',
      BATCH,
      '--outcome',
      'ok',
      '--fields',
      'params.n, body.items[0].id',
      '-o',
      'out',
      '--json',
    ]);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ written: 2, rows: 2, leftOut: 1, missing: 0 }),
    ]);
    expect(await readFile(project.path('out'), 'utf8')).toBe(
      '{"params.n":"0","body.items[0].id":9007199254740993}\n' +
        '{"params.n":"2","body.items[0].id":9007199254740993}\n',
    );
  });

  it('says how many rows it has written, and how many records have no list', async () => {
    await layOut([line(0), line(1).replace('[{', '{"a":[{').replace('}]', '}]}')]);
    const { code, stderr } = await project.call([
      'export',
      BATCH,
      '--explode',
      '$.items',
      '-o',
      'out.ndjson',
    ]);
    expect([code, stderr]).toEqual([
      0,
      'Wrote 2 rows of 2 records to out.ndjson\n1 record has no list at $.items, and so no rows\n',
    ]);
  });

  it('refuses options that contradict each other, all at once', async () => {
    await layOut([line(0)]);
    const { code, stdout, stderr } = await project.call([
      'export',
      BATCH,
      '--explode=$.items',
      '--select=$.items',
      '--bodies=bodies',
      '--format=parquet',
      '--csv-safe',
      '--fields=index,,body',
      '--outcome=okay',
      '-o=out.zst',
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.split('\n')).toEqual([
      expect.stringContaining('--csv-safe is about CSV'),
      expect.stringContaining('Parquet is compressed already'),
      expect.stringContaining('--explode and --select exclude each other'),
      expect.stringContaining('--explode and --bodies exclude each other'),
      expect.stringContaining('--fields: "index,,body" has an empty name'),
      expect.stringContaining('--outcome: "okay" is none of ok, '),
      '6 problems: nothing was exported',
      '',
    ]);
  });

  it.each([
    [['--fields', 'index,state'], '--fields: there is no "state"; there are batch, index,'],
    [['--fields', 'index,index'], '--fields has "index" twice'],
    [['--fields', 'params.m'], '--fields: there is no "params.m"'],
    [['--fields', 'body.items[*]'], '--fields: "body.items[*]" may name several values'],
    [['--select', 'items'], '--select: a path begins with $'],
    [['--explode', '$.items['], '--explode: '],
    [['--integers', 'n'], '--integers is about Parquet'],
  ])('refuses %j and writes nothing', async (options, message) => {
    await layOut([line(0)]);
    await writeFile(project.path('out'), 'earlier');
    const { code, stderr } = await project.call(['export', BATCH, ...options, '-o', 'out']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(await readFile(project.path('out'), 'utf8')).toBe('earlier');
  });

  it('does not write Parquet to a terminal', async () => {
    await layOut([line(0)]);
    for (const args of [
      ['export', BATCH],
      ['query', BATCH, 'FROM records'],
    ]) {
      const { code, stdout } = await project.call([...args, '--format', 'parquet'], {}, 80);
      expect([code, stdout]).toEqual([2, '']);
    }
  });

  it('names the file of a body that it cannot write, with exit status 3', async () => {
    await layOut([line(0)]);
    await mkdir(project.path('bodies', '0.json'), { recursive: true });
    const { code, stderr } = await project.call(['export', BATCH, '--bodies', 'bodies']);
    const path = project.path('bodies', '0.json');
    expect([code, stderr]).toEqual([3, `error: ${path} is a folder, not a regular file\n`]);
  });
});
