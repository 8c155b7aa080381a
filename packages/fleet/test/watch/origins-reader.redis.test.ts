import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, fleetKeys, Origins, OriginsReader } from '@fetchfleet/fleet';
import { installLeakGuard, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';

const KNOWN = 3_000;
const BUSY = 80;
let server: PrivateRedis;
let redis: Redis;
let origins: Origins;

// A Redis of its own, because the test counts commands.
beforeEach(async () => {
  server = await startRedis();
  redis = await connectRedis(server.url);
  origins = new Origins(redis, fleetKeys('live'));
});

afterEach(async () => {
  redis.disconnect();
  await server.dispose();
});

installLeakGuard();

async function fill(): Promise<void> {
  const keys = fleetKeys('live');
  const names = Array.from({ length: KNOWN }, (_, at) => `https://o-${at}.example`);
  await origins.markActive(names);
  // The gate's state of origins with and without waiting fetches.
  await Promise.all(
    names.map(async (name, at) => {
      await redis.hset(keys.gate(name), 'tail', 5);
      if (at < BUSY) {
        await redis.zadd(keys.waitlist(name), 5 * 64 + 5, 'b.0');
      }
    }),
  );
}

async function commands(): Promise<number> {
  const info = await redis.info('stats');
  return Number(/total_commands_processed:(\d+)/u.exec(info)?.[1]);
}

describe('OriginsReader', () => {
  it('returns the busy origins and reads only these every second', async () => {
    await fill();
    const reader = new OriginsReader(origins);
    expect(await reader.read()).toHaveLength(BUSY);
    const before = await commands();
    for (let read = 0; read < 3; read += 1) {
      expect(await reader.read()).toHaveLength(BUSY);
    }
    // INSPECT and its seven commands for each of 50 origins, three times, and the INFO commands.
    expect((await commands()) - before).toBeLessThan(1_220);
  });
});
