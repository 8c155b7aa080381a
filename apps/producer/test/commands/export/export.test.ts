import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, startProcess } from '@fetchfleet/testing';
import { Project } from '../../cli-fixture.ts';
import { BATCH, layOut, line } from './stored-batch.ts';

let project: Project;

beforeEach(async () => {
  project = await Project.create();
});

afterEach(async () => {
  await project.remove();
});

installLeakGuard();

describe('export --results A --results B', () => {
  it('joins the records of both folders', async () => {
    const text = await layOut(project, 6);
    const halves = [0, 3].map((from) => Array.from({ length: 3 }, (_, at) => line(from + at)));
    await mkdir(project.path('other', BATCH), { recursive: true });
    await writeFile(project.path('results', BATCH, 'part-w-1.ndjson'), (halves[0] ?? []).join(''));
    await writeFile(project.path('other', BATCH, 'part-w-2.ndjson'), (halves[1] ?? []).join(''));
    const both = await project.call([
      'export',
      '--results',
      'results',
      '--results',
      'other',
      BATCH,
    ]);
    expect(both).toMatchObject({ code: 0, stdout: text });
    const one = await project.call(['export', BATCH, '--results', 'other']);
    expect(one.stdout).toBe((halves[1] ?? []).join(''));
    const none = await project.call(['export', BATCH, '--results', 'results', '--results', 'no']);
    expect(none.code).toBe(1);
  });
});

describe('export -o FILE', () => {
  it('writes all records in order and exits with 0', async () => {
    const expected = await layOut(project, 1000);
    expect(await project.call(['export', BATCH, '-o', 'out.ndjson'])).toMatchObject({ code: 0 });
    expect(await readFile(project.path('out.ndjson'), 'utf8')).toBe(expected);
    expect((await project.call(['export', BATCH])).stdout).toBe(expected);
  });

  it.each([
    ['out.csv', [], /^batch,index,|^"?index/u],
    ['out.parquet', [], /^PAR1/u],
    ['out.txt', [], /^\{"batch":/u],
    ['csv', [], /^\{"batch":/u],
    ['out.csv', ['--format', 'ndjson'], /^\{"batch":/u],
  ])('writes %s with %j in the format that it names', async (file, options, start) => {
    await layOut(project, 1);
    expect(await project.call(['export', BATCH, '-o', file, ...options])).toMatchObject({
      code: 0,
    });
    expect(await readFile(project.path(file), 'latin1')).toMatch(start);
  });

  it('writes CSV that is compressed by its name', async () => {
    await layOut(project, 1);
    expect(await project.call(['export', BATCH, '-o', 'out.csv.gz'])).toMatchObject({ code: 0 });
    const text = gunzipSync(await readFile(project.path('out.csv.gz'))).toString();
    expect(text.split('\n')).toHaveLength(3);
  });

  it('exits with 1 and counts the missing records of an incomplete batch', async () => {
    const expected = await layOut(project, 3, 5);
    const { code, stderr } = await project.call(['export', BATCH, '-o', 'out.ndjson']);
    expect(code).toBe(1);
    expect(stderr).toContain('no record is here yet of 2 fetches of the batch');
    expect(await readFile(project.path('out.ndjson'), 'utf8')).toBe(expected);
  });

  it('writes CSV without formulas with --csv-safe, which is about CSV alone', async () => {
    await layOut(project, 1);
    const refused = await project.call(['export', BATCH, '--csv-safe']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--csv-safe is about CSV: add --format csv');
    const { stdout } = await project.call(['export', BATCH, '--csv-safe', '--format', 'csv']);
    expect(stdout).toMatch(/^"index","n","url".*\n0,0,"http:/u);
  });

  it('writes through a link and keeps the permissions of the file', async () => {
    const expected = await layOut(project, 3);
    await writeFile(project.path('real.ndjson'), 'earlier');
    await chmod(project.path('real.ndjson'), 0o664);
    await symlink('real.ndjson', project.path('link.ndjson'));
    await project.call(['export', BATCH, '-o', 'link.ndjson']);
    expect((await lstat(project.path('link.ndjson'))).isSymbolicLink()).toBe(true);
    expect(await readFile(project.path('real.ndjson'), 'utf8')).toBe(expected);
    expect((await stat(project.path('real.ndjson'))).mode & 0o777).toBe(0o664);
  });

  it.each([
    [0o000, undefined, [], 0o600],
    [0o077, '022', [], 0o644],
    [0o022, '000', ['--umask', '007'], 0o660],
  ] as const)(
    'writes for its own user alone (umask %o, FETCHFLEET_UMASK %s, %j)',
    async (own, variable, flags, mode) => {
      await layOut(project, 3);
      const env = { FETCHFLEET_UMASK: variable };
      const before = process.umask(own);
      const exporting = project.run(['export', BATCH, '-o', 'out.ndjson', ...flags], env);
      process.umask(before);
      expect(await exporting).toMatchObject({ code: 0 });
      expect((await stat(project.path('out.ndjson'))).mode & 0o777).toBe(mode);
    },
  );

  it('reads the other parts where a part is something else, and exits with 1', async () => {
    const expected = await layOut(project, 3);
    const path = project.path('results', BATCH, 'part-w-2.ndjson');
    await symlink('/dev/zero', path);
    const { code, stdout, stderr } = await project.run(['export', BATCH, '-o', 'out', '--json']);
    const reason = `${path} is a symbolic link, not a regular file`;
    expect([code, stderr]).toEqual([1, expect.stringContaining(`skipped a part: ${reason}\n`)]);
    expect(JSON.parse(stdout)).toMatchObject({ written: 3, missing: 0, skippedParts: [reason] });
    expect(await readFile(project.path('out'), 'utf8')).toBe(expected);
  });

  it('writes to a pipe and does not replace it by a file', async () => {
    const expected = await layOut(project, 1000);
    await (
      await startProcess('mkfifo', [project.path('pipe')])
    ).exit;
    const reader = await startProcess('cat', [project.path('pipe')]);
    expect(await project.call(['export', BATCH, '-o', 'pipe'])).toMatchObject({ code: 0 });
    await reader.exit;
    expect(reader.stdout).toBe(expected);
    expect((await stat(project.path('pipe'))).isFIFO()).toBe(true);
  });

  it('exits with 3 and explains why it cannot write', async () => {
    await layOut(project, 3);
    await mkdir(project.path('folder'));
    for (const output of ['folder', 'no/such/folder']) {
      // As a process: in a test, the errors of `node:fs` are not of its class `Error`.
      const { code, stderr } = await project.run(['export', BATCH, '-o', output]);
      expect(code).toBe(3);
      expect(stderr).toMatch(new RegExp(`${output} cannot be written: E`, 'u'));
    }
  });

  it('exits with 3 if the results are not readable, and with 2 if there are none', async () => {
    await layOut(project, 3);
    await writeFile(project.path('results', 'a-file'), '');
    const unreadable = await project.call(['export', 'a-file', '-o', 'out.ndjson']);
    expect(unreadable).toMatchObject({ code: 3, stderr: expect.stringContaining('cannot read') });
    const unknown = await project.call(['export', 'test-20261123-0017-k3f8']);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining(BATCH) });
  });
});
