import { describe, expect, it } from '@jest/globals';
import { installLeakGuard, startProcess } from '../../src/index.ts';

installLeakGuard();

const script = (source: string) => ['-e', source] as const;

describe('a process under test', () => {
  it('gives lines, output and exit code', async () => {
    const running = await startProcess(
      'node',
      script('console.log("port " + 12); console.error("x"); process.exitCode = 3'),
    );
    const [, port] = await running.waitForLine(/^port (\d+)$/u);
    expect(port).toBe('12');
    expect(await running.exit).toEqual({ code: 3, signal: null });
    expect(running).toMatchObject({ stdout: 'port 12\n', stderr: 'x\n', isRunning: false });
  });

  it('is killed by the signal that is asked for', async () => {
    const running = await startProcess('node', script('setInterval(() => {}, 1e6)'));
    expect(await running.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('does not inherit what Jest sets for itself, and gets what the test sets', async () => {
    const source =
      'console.log(process.env.NODE_OPTIONS, process.env.JEST_WORKER_ID, process.env.A)';
    const running = await startProcess('node', script(source), { env: { A: 'b' } });
    await running.exit;
    expect(running.stdout).toBe('undefined undefined b\n');
  });

  it('says what it wrote when the line does not come', async () => {
    const running = await startProcess('node', script('console.error("something else")'));
    await expect(running.waitForLine(/never/u)).rejects.toThrow(/something else/u);
    await running.exit;
  });

  it('refuses a program that does not exist', async () => {
    await expect(startProcess('no-such-program')).rejects.toThrow(/ENOENT/u);
  });
});
