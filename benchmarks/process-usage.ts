import { readFile } from 'node:fs/promises';

/** `USER_HZ`: ticks per second in /proc/PID/stat, 100 on every current Linux. */
const TICKS_PER_SECOND = 100;

/** CPU time of a process since its start, in microseconds; undefined without /proc. */
async function cpuMicros(pid: number): Promise<number | undefined> {
  // User and system time.
  return ticksMicros(pid, [11, 12]);
}

/** CPU time of the ended children of this process, in microseconds; undefined without /proc. */
export async function endedChildrenMicros(): Promise<number | undefined> {
  return ticksMicros('self', [13, 14]);
}

/** @param at indexes of fields after the name, which is in brackets and may contain spaces */
async function ticksMicros(
  pid: number | 'self',
  at: readonly [number, number],
): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined) {
    return undefined;
  }
  return ((Number(fields[at[0]]) + Number(fields[at[1]])) / TICKS_PER_SECOND) * 1e6;
}

/** Resident memory of a process in bytes; undefined without /proc. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(status ?? '')?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** Runs `work` and returns the CPU time that each process used for it, in microseconds. */
export async function cpuDuring<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly micros: readonly (number | undefined)[] }> {
  const before = await Promise.all(pids.map(cpuMicros));
  const value = await work();
  const after = await Promise.all(pids.map(cpuMicros));
  const micros = after.map((end, at) => {
    const start = before[at];
    return end === undefined || start === undefined ? undefined : end - start;
  });
  return { value, micros };
}
