import { spawn } from 'node:child_process';

/**
 * Runs `command` when this process is gone, however it went: also after SIGKILL. The watchdog waits
 * for the end of a pipe which only this process holds, in a process group of its own so that Ctrl-C
 * does not reach it. Returns how to call it off.
 */
export function onParentDeath(command: string, args: readonly string[]): () => void {
  const script = 'cat >/dev/null; exec "$@"';
  const watchdog = spawn('sh', ['-c', script, 'sh', command, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // A pipe that breaks and a watchdog that cannot start change nothing for the test.
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  if ('unref' in watchdog.stdin && typeof watchdog.stdin.unref === 'function')
    watchdog.stdin.unref();
  return () => {
    const { pid } = watchdog;
    // The group: `cat` is a child of the shell.
    if (pid !== undefined && watchdog.exitCode === null) process.kill(-pid, 'SIGKILL');
  };
}
