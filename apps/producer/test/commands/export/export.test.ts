import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, installLeakGuard, startProcess } from '@fetchfleet/testing';
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
  `"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":2,"worker":"w-1","body":"${'x'.repeat(100)}"}\n`;

/** Writes results in reverse order. @returns the text that an export must write */
async function layOut(written: number, total = written): Promise<string> {
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = {
    batch: BATCH,
    name: 'test',
    total,
    params: ['n'],
    url: 'http://127.0.0.1:9/{n}',
  };
  const lines = Array.from({ length: written }, (_, index) => line(index));
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1.ndjson'), lines.toReversed().join(''));
  return lines.join('');
}

describe('export --results A --results B', () => {
  it('joins the records of both folders', async () => {
    const text = await layOut(6);
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
    const expected = await layOut(1000);
    expect(await project.call(['export', BATCH, '-o', 'out.ndjson'])).toMatchObject({ code: 0 });
    expect(await readFile(project.path('out.ndjson'), 'utf8')).toBe(expected);
    expect((await project.call(['export', BATCH])).stdout).toBe(expected);
  });

  it('exits with 1 and counts the missing records of an incomplete batch', async () => {
    const expected = await layOut(3, 5);
    const { code, stderr } = await project.call(['export', BATCH, '-o', 'out.ndjson']);
    expect(code).toBe(1);
    expect(stderr).toContain('2 fetches of the batch have no record here yet');
    expect(await readFile(project.path('out.ndjson'), 'utf8')).toBe(expected);
  });

  it('writes CSV without formulas with --csv-safe, which is about CSV alone', async () => {
    await layOut(1);
    const refused = await project.call(['export', BATCH, '--csv-safe']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--csv-safe is about CSV: add --format csv');
    const { stdout } = await project.call(['export', BATCH, '--csv-safe', '--format', 'csv']);
    expect(stdout).toMatch(/^"index","n","url".*\n0,0,"http:/u);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'keeps the file of an earlier export when %s ends it half-way',
    async (signal) => {
      const expected = await layOut(200_000);
      await writeFile(project.path('out.ndjson'), 'earlier');
      // All have this outcome, and to look takes long enough to be interrupted.
      const half = await project.start(['export', BATCH, '--outcome=ok', '-o', 'out.ndjson']);
      const drafts = async (): Promise<string[]> =>
        (await readdir(project.folder.path)).filter((name) => name.endsWith('.tmp'));
      await eventually(async () => {
        const [draft] = await drafts();
        return draft !== undefined && (await stat(project.path(draft))).size > 0;
      });
      await half.kill(signal);
      expect(await readFile(project.path('out.ndjson'), 'utf8')).toBe('earlier');
      expect(await drafts()).toHaveLength(signal === 'SIGKILL' ? 1 : 0);
      await project.call(['export', BATCH, '-o', 'out.ndjson']);
      expect((await readFile(project.path('out.ndjson'), 'utf8')) === expected).toBe(true);
    },
  );

  it('writes through a link and keeps the permissions of the file', async () => {
    const expected = await layOut(3);
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
      await layOut(3);
      const env = { FETCHFLEET_UMASK: variable };
      const before = process.umask(own);
      const exporting = project.run(['export', BATCH, '-o', 'out.ndjson', ...flags], env);
      process.umask(before);
      expect(await exporting).toMatchObject({ code: 0 });
      expect((await stat(project.path('out.ndjson'))).mode & 0o777).toBe(mode);
    },
  );

  it('reads the other parts where a part is something else, and exits with 1', async () => {
    const expected = await layOut(3);
    const path = project.path('results', BATCH, 'part-w-2.ndjson');
    await symlink('/dev/zero', path);
    const { code, stdout, stderr } = await project.run(['export', BATCH, '-o', 'out', '--json']);
    const reason = `${path} is a symbolic link, not a regular file`;
    expect([code, stderr]).toEqual([1, expect.stringContaining(`skipped a part: ${reason}\n`)]);
    expect(JSON.parse(stdout)).toMatchObject({ written: 3, missing: 0, skippedParts: [reason] });
    expect(await readFile(project.path('out'), 'utf8')).toBe(expected);
  });

  it('writes to a pipe and does not replace it by a file', async () => {
    const expected = await layOut(1000);
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
    await layOut(3);
    await mkdir(project.path('folder'));
    for (const output of ['folder', 'no/such/folder']) {
      // As a process: in a test, the errors of `node:fs` are not of its class `Error`.
      const { code, stderr } = await project.run(['export', BATCH, '-o', output]);
      expect(code).toBe(3);
      expect(stderr).toMatch(new RegExp(`${output} cannot be written: E`, 'u'));
    }
  });

  it('exits with 3 if the results are not readable, and with 2 if there are none', async () => {
    await layOut(3);
    await writeFile(project.path('results', 'a-file'), '');
    const unreadable = await project.call(['export', 'a-file', '-o', 'out.ndjson']);
    expect(unreadable).toMatchObject({ code: 3, stderr: expect.stringContaining('cannot read') });
    const unknown = await project.call(['export', 'test-20261123-0017-k3f8']);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining(BATCH) });
  });
});
