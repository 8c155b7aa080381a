import { closeAfterEach, eventually, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { connectRedis, fleetKeys, openRedis, SliceClaims } from '../../src/index.ts';

closeAfterEach();

/** Claims of a user that may do anything to these keys, until the test takes something away. */
async function refusable() {
  const server = await startRedis();
  const admin = await connectRedis(server.url);
  await admin.call('ACL', 'SETUSER', 'limited', 'on', '>pw', '~*', '&*', '+@all');
  const errors: Error[] = [];
  const onError = (error: Error) => errors.push(error);
  const url = `redis://limited:pw@127.0.0.1:${server.port}`;
  const redis = openRedis(url, onError, { isForQueue: true });
  const claims = new SliceClaims({ redis, keys: fleetKeys('t'), worker: 'w', onError });
  await claims.start();
  const stop = async () => {
    await claims.stop();
    redis.disconnect();
    admin.disconnect();
    await server.dispose();
  };
  return { admin, claims, errors, stop };
}

describe('a claim', () => {
  it.each([
    ['the read that waits is not permitted', ['-bzpopmin'], /NOPERM/],
    ['scripts are not permitted', ['-evalsha', '-eval'], /NOPERM/],
  ])('rejects, and does not answer "nothing to claim", where %s', async (_, rules, message) => {
    const { admin, claims, stop } = await refusable();
    await admin.call('ACL', 'SETUSER', 'limited', ...rules);
    await eventually(async () => {
      await expect(claims.claim()).rejects.toThrow(message);
    });
    await admin.call('ACL', 'SETUSER', 'limited', '+@all');
    await eventually(async () => {
      expect(await claims.claim({ block: false })).toBeUndefined();
    });
    await stop();
  });
});
