import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SecretRules } from '@fetchfleet/crawl';
import { eventually, installLeakGuard, isAlive } from '@fetchfleet/testing';
import { LocalWorkers, stopTimeoutMs, workerCommand } from '../../src/local/local-workers.ts';
import { Interrupts } from '../../src/core/interrupts.ts';
import { readRunSettings } from '../../src/core/settings.ts';
import { Terminal } from '../../src/core/terminal.ts';

const started: LocalWorkers[] = [];

afterEach(async () => {
  for (const workers of started.splice(0)) {
    const force = AbortSignal.abort();
    await workers.stop({ force });
  }
});

installLeakGuard();

/** Workers that run a line of JavaScript, and the text printed on the terminal. */
function startWorkers(
  script: string,
  count = 2,
  startingAtOnce = count,
): { workers: LocalWorkers; said: () => string } {
  const stderr = new PassThrough();
  let text = '';
  stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const workers = new LocalWorkers({
    count,
    command: [process.execPath, '-e', script],
    env: { PATH: process.env['PATH'] },
    terminal: new Terminal({ stdout: new PassThrough(), stderr }),
    startingAtOnce,
  });
  started.push(workers);
  workers.start();
  return { workers, said: () => text };
}

const READY = "process.send({ type: 'ready' }); setInterval(() => {}, 1000);";

describe('the command of a worker', () => {
  it('has no place in it, which may hold a password', () => {
    const context = {
      env: {},
      cwd: '/srv',
      terminal: new Terminal({ stdout: new PassThrough(), stderr: new PassThrough() }),
      interrupts: new Interrupts(() => undefined),
    };
    const settings = readRunSettings({ results: 'postgres://me:secret@db/crawls' }, context);
    const command = workerCommand(settings, SecretRules.parse(''));
    expect(command.join(' ')).not.toMatch(/secret@|postgres/u);
    expect(JSON.stringify(settings)).not.toContain('secret@');
  });
});

describe('the workers of this machine', () => {
  it('are started again when they die', async () => {
    const { workers, said } = startWorkers(READY, 1);
    const [first] = workers.pids;
    process.kill(first ?? 0, 'SIGKILL');
    await eventually(() => workers.pids.length === 1 && workers.pids[0] !== first);
    expect(said()).toContain('worker 1 of 1 ended (SIGKILL); it is started again');
  });

  it('wait with their start until half a second after an earlier one is ready', async () => {
    const up = "console.error(JSON.stringify({ level: 'warn', msg: 'up ' + process.pid }))";
    const script = `process.on('SIGUSR2', () => { ${READY} }); setInterval(() => {}, 1000); ${up}`;
    const { workers, said } = startWorkers(script, 3, 2);
    const [first = 0, ...others] = workers.pids;
    expect(others).toHaveLength(1);
    await eventually(() => said().includes(`up ${first}`));
    expect(workers.pids).toHaveLength(2);
    const readyAfter = performance.now();
    process.kill(first, 'SIGUSR2');
    await eventually(() => workers.pids.length === 3);
    expect(performance.now() - readyAfter).toBeGreaterThan(499);
  });

  it('are all given up when those that start first cannot', async () => {
    const { workers } = startWorkers("console.error('--results: bad'); process.exit(2)", 3, 1);
    await expect(workers.failed).rejects.toMatchObject({ exitCode: 2 });
  });

  it('are given up when none of them can start, with the last message of one', async () => {
    const { workers } = startWorkers("throw new Error('no such thing as a port')");
    await expect(workers.failed).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('no such thing as a port'),
    });
  });

  it('are given up at once when their settings are wrong', async () => {
    const { workers, said } = startWorkers("console.error('--results: bad'); process.exit(2)");
    await expect(workers.failed).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('--results: bad'),
    });
    expect(said()).not.toContain('started again');
  });

  it('drain when they are stopped, and are killed when that is forced', async () => {
    const up = JSON.stringify({ level: 'warn', msg: 'up' });
    const script = `process.on('SIGTERM', () => {}); console.error('${up}'); ${READY}`;
    const { workers, said } = startWorkers(script, 1);
    await eventually(() => said().includes('up'));
    const pids = workers.pids;
    const force = new AbortController();
    const stopped = workers.stop({ force: force.signal });
    expect(pids.every((pid) => isAlive(pid))).toBe(true);
    force.abort();
    await stopped;
    expect(pids.some((pid) => isAlive(pid))).toBe(false);
  });

  it('have each warning printed once, not once per worker', async () => {
    const line = JSON.stringify({ level: 'warn', msg: 'results cannot be written' });
    const { said } = startWorkers(`for (let i = 0; i < 5; i++) console.error('${line}'); ${READY}`);
    await eventually(() => said().includes('results cannot be written'));
    expect(said().split('results cannot be written')).toHaveLength(2);
  });
});

describe('the time workers have to stop', () => {
  it.each([
    [undefined, 40_000],
    ['20s', 40_000],
    ['2m', 140_000],
    ['wrong', 40_000],
  ])('is longer than a drain timeout of %s', (drainTimeout, timeoutMs) => {
    expect(stopTimeoutMs(drainTimeout)).toBe(timeoutMs);
  });
});
