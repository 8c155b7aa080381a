import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { binaryPath, installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Ended, Project } from '../cli-fixture.ts';

const BATCH = 'test-20261123-0017-k3f9';
const NEWER = 'test-20261124-0017-k3f9';
const TOTAL = 2_000;

let project: Project;
beforeEach(async () => {
  project = await Project.create();
  await mkdir(project.path('tmp'));
});
afterEach(async () => project.remove());
installLeakGuard();

const line = (batch: string, index: number): string =>
  `{"batch":"${batch}","index":${index},"params":{},"url":"http://127.0.0.1:9/${batch}/${index}","outcome":"ok","status":200,` +
  `"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":2,"worker":"w-1","body":"ü"}\n`;

async function layOut(batch: string, total: number): Promise<void> {
  await mkdir(project.path('results', batch), { recursive: true });
  const manifest = { batch, name: 'test', total, params: [], url: '', createdAt: batch };
  const lines = Array.from({ length: total }, (_, index) => line(batch, index));
  await writeFile(project.path('results', batch, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', batch, 'part-w-1.ndjson'), lines.join(''));
}

/** Runs `fetchfleet` in a shell. @param rest where its output goes */
async function inShell(args: readonly string[], rest: string, before = ''): Promise<Ended> {
  const running = await project.start(
    ['-c', `${before}"$0" "$@" ${rest}`, process.execPath, binaryPath('fetchfleet'), ...args],
    { command: 'sh', env: { TMPDIR: project.path('tmp') } },
  );
  const { code } = await running.exit;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

const temporary = async (): Promise<string[]> => readdir(project.path('tmp'));

const SQL = 'FROM records';
const COMMANDS = [
  ['export', BATCH],
  ['export', BATCH, '--format', 'csv'],
  ['export', BATCH, '--fields', 'url'],
  ['export', BATCH, '--format', 'parquet'],
  ['query', BATCH, SQL, '--json'],
  ['query', BATCH, SQL, '--format', 'csv'],
  ['query', BATCH, `${SQL} LIMIT 900`],
  ['diff', BATCH, NEWER, '--list', 'added', '--json'],
  ['diff', BATCH, NEWER],
  ['help'],
];

describe('stdout of a command', () => {
  beforeEach(async () => {
    await layOut(BATCH, TOTAL);
    await layOut(NEWER, TOTAL);
  });

  it.each(COMMANDS)('that cannot be written: %s %s %s %s', async (...args) => {
    expect(await inShell(args, '> /dev/full')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'error: stdout cannot be written: ENOSPC: no space left on device\n',
    });
    expect(await temporary()).toEqual([]);
  });

  it.each(COMMANDS)('that nobody reads to its end: %s %s %s %s', async (...args) => {
    await inShell(args, '2> errors | head -c 1 > head');
    expect([await readFile(project.path('errors'), 'utf8'), await temporary()]).toEqual(['', []]);
  });

  it('is a file that has room for a part of the last write', async () => {
    const { code, stderr } = await inShell(['help'], '> out', 'ulimit -f 2; ');
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^error: stdout .*: EFBIG/u)]);
    expect((await stat(project.path('out'))).size).toBe(1_024);
  });

  it('and the work are not stopped by messages that cannot be written', async () => {
    const { code } = await inShell(['export', BATCH, '-o', 'out.ndjson'], '2> /dev/full');
    expect([code, (await stat(project.path('out.ndjson'))).size > 0]).toEqual([0, true]);
  });
});
