import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { complete, type Completion } from '../../src/completion/values.ts';
import { Interrupts } from '../../src/core/interrupts.ts';
import { Terminal } from '../../src/core/terminal.ts';
import { buildCli } from '../../src/program/program.ts';

const context = {
  env: {},
  cwd: '/nowhere',
  terminal: new Terminal({ stdout: new PassThrough(), stderr: new PassThrough() }),
  interrupts: new Interrupts(() => undefined),
};

/** What is offered at the end of the line. */
async function offered(line: string): Promise<Completion> {
  const program = buildCli(context, async () => undefined, '0.0.0');
  return complete(program, line.split(' ').slice(1), context);
}

async function valuesAt(line: string): Promise<string[]> {
  return (await offered(line)).candidates.map(({ value }) => value);
}

describe('completion', () => {
  it.each([
    ['fetchfleet prune --state ', ['finished', 'cancelled']],
    ['fetchfleet batches --state ', ['expanding', 'running', 'paused', 'cancelled', 'finished']],
    ['fetchfleet batches --state=', expect.arrayContaining(['--state=paused'])],
    ['fetchfleet run x --concurrency ', []],
    ['fetchfleet origins set x --concurrency ', ['unlimited']],
    ['fetchfleet schedule add x --overlap ', ['skip', 'queue', 'allow']],
    ['fetchfleet schedule add x --tz ', expect.arrayContaining(['UTC', 'Europe/Oslo'])],
    ['fetchfleet completion ', ['bash', 'zsh', 'fish']],
    ['fetchfleet export x --format ', ['ndjson', 'csv', 'parquet']],
    ['fetchfleet cancel x --', ['--json', '--quiet', '--help']],
    ['fetchfleet origins ', expect.arrayContaining(['set', 'unset'])],
    ['fetchfleet workers ', ['drain']],
    ['fetchfleet schema ', ['--json', '--quiet', '--help']],
    ['fetchfleet schema --json ', ['--quiet', '--help']],
    ['fetchfleet schema -- ', []],
  ])('of "%s" offers what the command table says', async (line, values) => {
    expect(await valuesAt(line)).toEqual(values);
  });

  it('offers no outcome that is no failure for a retry', async () => {
    const outcomes = await valuesAt('fetchfleet retry x --outcome timeout --outcome ');
    expect(outcomes).toContain('http-error');
    expect(outcomes).not.toContain('ok');
  });

  it.each([
    ['fetchfleet run ', { paths: 'files', endings: ['yaml', 'yml', 'json'] }],
    ['fetchfleet run x --results ', { paths: 'directories' }],
    ['fetchfleet export x -o ', { paths: 'files' }],
  ])('of "%s" leaves paths to the shell', async (line, paths) => {
    expect(await offered(line)).toEqual({ candidates: [], ...paths });
  });
});
