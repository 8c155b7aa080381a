import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * Whether a process runs, also one that is no child of ours. What ended but was not yet reaped by its
 * parent (a zombie, as there are many in containers without an init) does not.
 */
export function isAlive(pid: number): boolean {
  const state = processState(pid);
  return state !== undefined && state !== 'Z';
}

/** The state letter as `ps` shows it, such as S, R, T (stopped), Z; undefined where there is none. */
export function processState(pid: number): string | undefined {
  try {
    if (!existsSync('/proc/self/stat')) {
      const ps = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
      return ps.status === 0 ? ps.stdout.trim().charAt(0) : undefined;
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the program's name, which stands in brackets and may itself hold some.
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  } catch {
    return undefined;
  }
}
