import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { keepForTeardown } from './global-state.ts';
import { repositoryRoot } from './process/process.ts';
import { findRedis } from './redis/redis-provider.ts';

/** Jest's global setup: current builds, and a Redis for all tests of a package, its address in `REDIS_URL`. */
export default async function globalSetup(): Promise<void> {
  // Under turbo the tasks of the tests depend on those of the builds.
  if (process.env['TURBO_HASH'] === undefined) buildPrograms();
  const redis = await findRedis(process.env);
  keepForTeardown(redis);
  process.env['REDIS_URL'] = redis.url;
}

/** Tests start the programs that ship; what is built already takes a second. */
function buildPrograms(): void {
  const turbo = resolve(repositoryRoot, 'node_modules/.bin/turbo');
  const args = ['run', 'build', '--filter=./apps/*', '--output-logs=errors-only'];
  execFileSync(turbo, args, { cwd: repositoryRoot, stdio: ['ignore', 'ignore', 'inherit'] });
}
