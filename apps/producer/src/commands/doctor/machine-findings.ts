import {
  descriptorShortage,
  type ProcessLimits,
  readDescriptorLimit,
  readProcessLimits,
} from '@fetchfleet/service';
import { formatBytes, formatCount } from '../../report/units.ts';
import { type Finding, ok, warning } from './finding.ts';

/** A worker at full speed, without bodies: see docs/operations.md. */
const WORKER_BYTES = 320_000_000;
/** `limits.body` where a crawl file does not say. */
const BODY_BYTES = 10 * 1024 * 1024;
/** Threads of a worker, and some of the programs that start it. */
const WORKER_PROCESSES = 32;
/** A port stays taken for a minute after its connection was closed. */
const PORTS_PER_FETCH = 2;

/** What the system says of a process. */
export interface MachineFacts extends ProcessLimits {
  /** Open files; Infinity if it is not known. */
  readonly descriptors: number;
}

export async function readMachine(): Promise<MachineFacts> {
  const [descriptors, limits] = await Promise.all([readDescriptorLimit(), readProcessLimits()]);
  return { descriptors, ...limits };
}

/** Whether one worker with this many fetches in flight fits on this machine. */
export function machineFindings(facts: MachineFacts, concurrency: number): readonly Finding[] {
  return [
    descriptorsFinding(facts, concurrency),
    portsFinding(facts, concurrency),
    processesFinding(facts),
    memoryFinding(facts, concurrency),
  ];
}

function descriptorsFinding({ descriptors }: MachineFacts, concurrency: number): Finding {
  const shortage = descriptorShortage(descriptors, concurrency);
  return shortage === undefined
    ? ok(
        'open files',
        `${shown(descriptors)}, enough for ${formatCount(concurrency)} fetches in flight`,
      )
    : warning('open files', shortage);
}

function portsFinding({ ports }: MachineFacts, concurrency: number): Finding {
  return ports < concurrency * PORTS_PER_FETCH
    ? warning(
        'ports',
        `there are ${formatCount(ports)} ports for connections to one address, which are few for ` +
          `${formatCount(concurrency)} fetches in flight: widen net.ipv4.ip_local_port_range`,
      )
    : ok('ports', `${shown(ports)} for connections to one address`);
}

function processesFinding({ freeProcesses }: MachineFacts): Finding {
  return freeProcesses < WORKER_PROCESSES
    ? warning(
        'processes',
        `only ${freeProcesses} more processes and threads may start, and a worker needs about ` +
          `${WORKER_PROCESSES}: raise the limit (pids_limit, TasksMax=)`,
      )
    : ok('processes', freeProcesses === Infinity ? 'no limit' : `${shown(freeProcesses)} more`);
}

function memoryFinding(
  { memoryBytes, isMemoryLimited }: MachineFacts,
  concurrency: number,
): Finding {
  const needed = WORKER_BYTES + concurrency * BODY_BYTES;
  const there = `${formatBytes(memoryBytes)} ${isMemoryLimited ? 'for this group of processes' : 'in this machine'}`;
  return memoryBytes < needed
    ? warning(
        'memory',
        `${there}, and a worker with ${formatCount(concurrency)} fetches in flight may need ` +
          `${formatBytes(needed)}: give it more, or less --concurrency, or crawls a smaller limits.body`,
      )
    : ok('memory', `${there}; a worker needs up to ${formatBytes(needed)}`);
}

function shown(limit: number): string {
  return limit === Infinity ? 'no limit' : formatCount(limit);
}
