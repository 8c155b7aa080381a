import { startRedisCluster } from '@fetchfleet/testing';

/*
 * The commands of all pages once more, with their fleet on a cluster. What they use as the Redis of
 * the test run has to be in place before their tests are defined.
 */
const { url } = await startRedisCluster();
process.env['REDIS_URL'] = url;
await import('../docs-commands.long.test.ts');
