import { spawn } from 'node:child_process';

/**
 * Runs a line of shell when this process has ended, even by SIGKILL. `args` are its `$1`, `$2`, ….
 * Only built-in commands of the shell are certain to exist; `kill` is one.
 *
 * The watchdog is a shell that reads from a pipe which only this process holds open. It runs in a
 * process group of its own, so that Ctrl-C does not reach it.
 *
 * @returns a function that ends the watchdog without running the line
 */
export function onParentDeath(line: string, args: readonly string[]): () => void {
  const watchdog = spawn('sh', ['-c', `read -r off || { ${line}; }`, 'sh', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // A broken pipe and a watchdog that cannot start do not matter to the test.
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

/** Kills a process when this one has ended. */
export function killWithThisProcess(pid: number): () => void {
  return onParentDeath('kill -9 "$1"', [String(pid)]);
}
