import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** What the system lets this process, and others like it, use. Infinity where it does not tell. */
export interface ProcessLimits {
  /** Bytes, by the control group or the machine. */
  readonly memoryBytes: number;
  /** Whether a control group sets {@link memoryBytes}, and not the machine. */
  readonly isMemoryLimited: boolean;
  /** Processes and threads that may still be started. */
  readonly freeProcesses: number;
  /** Ports for connections to one address. */
  readonly ports: number;
}

export interface ProcessFiles {
  /** @default /proc */
  readonly proc?: string;
  /** @default /sys/fs/cgroup */
  readonly cgroup?: string;
}

export async function readProcessLimits(files: ProcessFiles = {}): Promise<ProcessLimits> {
  const { proc = '/proc', cgroup = '/sys/fs/cgroup' } = files;
  const [groups, ports] = await Promise.all([
    read(join(proc, 'self/cgroup')),
    read(join(proc, 'sys/net/ipv4/ip_local_port_range')),
  ]);
  const total = totalmem();
  // 0 where there is no limit, and more than there is where the group of a container says none.
  const limited = process.constrainedMemory();
  const isMemoryLimited = limited > 0 && limited < total;
  return {
    memoryBytes: isMemoryLimited ? limited : total,
    isMemoryLimited,
    freeProcesses: await freeProcesses(pidsFolders(groups, cgroup)),
    ports: portsOf(ports),
  };
}

/** `32768 60999` */
function portsOf(text: string): number {
  const [first, last] = text.trim().split(/\s+/u).map(Number);
  return first === undefined || last === undefined || !(last >= first)
    ? Infinity
    : last - first + 1;
}

/**
 * Where the limits of processes stand: of the group and of those above it. Version 2 has one tree
 * of groups (`0::/a/b`), version 1 one for each resource (`4:pids:/a/b`).
 */
function pidsFolders(groups: string, cgroup: string): string[] {
  return groups.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/u.exec(line) ?? [];
    if (controllers === undefined || path === undefined || !/^$|\bpids\b/u.test(controllers)) {
      return [];
    }
    const root = controllers === '' ? cgroup : join(cgroup, 'pids');
    const names = path.split('/').filter((name) => name !== '');
    return Array.from({ length: names.length + 1 }, (_, depth) =>
      join(root, ...names.slice(0, depth)),
    );
  });
}

async function freeProcesses(folders: readonly string[]): Promise<number> {
  const free = folders.map(async (folder) => {
    const [max, current] = await Promise.all(
      ['pids.max', 'pids.current'].map(async (name) => read(join(folder, name))),
    );
    // `max` where there is no limit, nothing where there is no such file.
    return /^\d+$/u.test(max?.trim() ?? '') ? Math.max(0, Number(max) - Number(current)) : Infinity;
  });
  return Math.min(Infinity, ...(await Promise.all(free)));
}

/** Empty where there is no such file: only Linux has them. */
async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
