import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * Whether a process runs; it need not be a child of this one. A zombie (ended, but not reaped by
 * its parent: common in containers without an init) does not run.
 */
export function isAlive(pid: number): boolean {
  const state = processState(pid);
  return state !== undefined && state !== 'Z';
}

/** State letter as `ps` shows it (S, R, T for stopped, Z); undefined if there is no process. */
export function processState(pid: number): string | undefined {
  try {
    if (!existsSync('/proc/self/stat')) {
      const ps = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
      return ps.status === 0 ? ps.stdout.trim().charAt(0) : undefined;
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name comes before it in brackets, and may contain brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  } catch {
    return undefined;
  }
}
