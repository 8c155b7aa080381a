import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { keepForTeardown } from './global-state.ts';
import { repositoryRoot } from './process/process.ts';
import { findRedis } from './redis/redis-provider.ts';

/** Jest's global setup: current builds, and Redis for all tests of a package in `REDIS_URL`. */
export default async function globalSetup(): Promise<void> {
  // turbo has built them already: its test tasks depend on the build tasks.
  if (process.env['TURBO_HASH'] === undefined) {
    buildPrograms();
  }
  const redis = await findRedis(process.env);
  keepForTeardown(redis);
  process.env['REDIS_URL'] = redis.url;
}

/** Tests start the built programs. A build that is current takes a second. */
function buildPrograms(): void {
  const turbo = resolve(repositoryRoot, 'node_modules/.bin/turbo');
  const args = ['run', 'build', '--filter=./apps/*', '--output-logs=errors-only'];
  execFileSync(turbo, args, { cwd: repositoryRoot, stdio: ['ignore', 'ignore', 'inherit'] });
}
