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
  /** Flags for Node, in addition to BENCH_NODE_FLAGS. @default [] */
  readonly nodeFlags?: readonly string[];
  /** Name of the fleet. @default 'fetchfleet' */
  readonly fleet?: string;
  /** @default the root of the repository */
  readonly cwd?: string;
  /** More variables. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts one of our programs from its build, like production. */
export async function startBuilt(
  program: keyof typeof BINARIES,
  args: readonly string[],
  { redisUrl = '', nodeFlags = [], fleet = '', cwd = repositoryRoot, env }: BuiltOptions = {},
): Promise<Running> {
  const flags = [...nodeFlags, ...(process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [])];
  return startProcess('node', [...flags, join(repositoryRoot, BINARIES[program]), ...args], {
    env: {
      REDIS_URL: redisUrl,
      FETCHFLEET_FLEET: fleet || undefined,
      FETCHFLEET_LOG_FORMAT: 'json',
      ...env,
    },
    cwd,
  });
}
