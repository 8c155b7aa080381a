import { spawn } from 'node:child_process';

/**
 * Runs a line of shell when this process is gone, however it went: also after SIGKILL. `args` are its
 * `$1`, `$2`, …. Only the shell's own commands are sure to be there: `kill` is one.
 *
 * The watchdog waits for the end of a pipe which only this process holds, in a process group of its
 * own so that Ctrl-C does not reach it. Returns how to call it off, which a line on the pipe does.
 */
export function onParentDeath(line: string, args: readonly string[]): () => void {
  const watchdog = spawn('sh', ['-c', `read -r off || { ${line}; }`, 'sh', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // A pipe that breaks and a watchdog that cannot start change nothing for the test.
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  if ('unref' in watchdog.stdin && typeof watchdog.stdin.unref === 'function') {
    watchdog.stdin.unref();
  }
  return () => {
    watchdog.stdin.end('off\n');
  };
}

/** Kills a process when this one is gone. */
export function killWithThisProcess(pid: number): () => void {
  return onParentDeath('kill -9 "$1"', [String(pid)]);
}
