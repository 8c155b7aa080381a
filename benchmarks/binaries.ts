import { join } from 'node:path';
import { repositoryRoot, type Running, startProcess } from '@fetchfleet/testing';

const BINARIES = {
  producer: 'apps/producer/bin/fetchfleet.js',
  worker: 'apps/worker/bin/fetchfleet-worker.js',
  sampleApi: 'apps/sample-api/bin/fetchfleet-sample-api.js',
};

/** Starts one of our programs from its build, as production does. */
export async function startBuilt(
  program: keyof typeof BINARIES,
  args: readonly string[],
  redisUrl = '',
): Promise<Running> {
  const flags = process.env['BENCH_NODE_FLAGS']?.split(' ') ?? [];
  return startProcess('node', [...flags, join(repositoryRoot, BINARIES[program]), ...args], {
    env: { REDIS_URL: redisUrl, FETCHFLEET_LOG_FORMAT: 'json' },
  });
}
