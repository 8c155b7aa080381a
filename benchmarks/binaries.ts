import { join } from 'node:path';
import { repositoryRoot, type Running, startProcess } from '@fetchfleet/testing';

const BINARIES = {
  producer: 'apps/producer/bin/fetchfleet.js',
  worker: 'apps/worker/bin/fetchfleet-worker.js',
  sampleApi: 'apps/sample-api/bin/fetchfleet-sample-api.js',
};

export interface BuiltOptions {
  /** @default none */
  readonly redisUrl?: string;
  /** For Node itself, besides those of BENCH_NODE_FLAGS. @default [] */
  readonly nodeFlags?: readonly string[];
  /** Name of the fleet. @default the usual one */
  readonly fleet?: string;
  /** @default the repository's root */
  readonly cwd?: string;
}

/** Starts one of our programs from its build, as production does. */
export async function startBuilt(
  program: keyof typeof BINARIES,
  args: readonly string[],
  { redisUrl = '', nodeFlags = [], fleet = '', cwd = repositoryRoot }: BuiltOptions = {},
): Promise<Running> {
  const flags = [...nodeFlags, ...(process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [])];
  return startProcess('node', [...flags, join(repositoryRoot, BINARIES[program]), ...args], {
    env: { REDIS_URL: redisUrl, FETCHFLEET_FLEET: fleet || undefined, FETCHFLEET_LOG_FORMAT: 'json' },
    cwd,
  });
}
