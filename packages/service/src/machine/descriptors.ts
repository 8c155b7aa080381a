import { readFile } from 'node:fs/promises';

/** How the file descriptors of this process are used. */
export interface DescriptorPlan {
  /** Fetches in flight that have room. */
  readonly concurrency: number;
  /** For connections to origins, idle ones included. */
  readonly sockets: number;
  /** For files of records that are open together. */
  readonly parts: number;
}

/** The process itself, Redis, scrapes of metrics, DNS, and files that are read now and then. */
const OWN = 64;
const MAX_PARTS = 64;
/** Sockets for robots.txt and second addresses, beyond one for each fetch in flight. */
const SPARE_SOCKETS = 8;

/**
 * Divides the descriptors so that fetches never take those of records and Redis: what has been
 * fetched can always be written.
 *
 * @param limit Infinity if it is not known
 */
export function planDescriptors(limit: number, concurrency: number): DescriptorPlan {
  const free = Math.max(0, limit - OWN);
  const parts = Math.max(1, Math.min(MAX_PARTS, Math.floor(free / 4)));
  const sockets = Math.max(SPARE_SOCKETS + 1, free - parts);
  return { concurrency: Math.min(concurrency, sockets - SPARE_SOCKETS), sockets, parts };
}

/** The limit of open files of this process; Infinity where the system does not tell it. */
export async function readDescriptorLimit(path = '/proc/self/limits'): Promise<number> {
  try {
    return parseLimits(await readFile(path, 'utf8'));
  } catch {
    // Only Linux has this file. Other systems let Node raise the limit far enough.
    return Infinity;
  }
}

/** Reads the soft limit, the one that counts. */
export function parseLimits(text: string): number {
  const limit = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return limit === undefined ? Infinity : Number(limit);
}

/** Says that a worker has room for less than it was asked for; undefined if it has not. */
export function descriptorShortage(limit: number, wanted: number): string | undefined {
  const { concurrency } = planDescriptors(limit, wanted);
  return concurrency < wanted
    ? `the limit of ${limit} open files has room for ${concurrency} fetches in flight, not ` +
        `${wanted}: raise it (ulimit -n, LimitNOFILE=)`
    : undefined;
}
