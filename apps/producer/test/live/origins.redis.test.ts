import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, fleetKeys, Origins } from '@fetchfleet/fleet';
import { installLeakGuard, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import type { Redis } from 'ioredis';
import { LiveOrigins } from '../../src/live/origins.ts';

const KNOWN = 3_000;
const BUSY = 80;
let server: PrivateRedis;
let redis: Redis;
let origins: Origins;

// Its own Redis, because commands are counted.
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
  // As the gate leaves it where fetches wait in line, and where none do.
  await Promise.all(
    names.map(async (name, at) => redis.hset(keys.gate(name), 'tail', at < BUSY ? 5 : 0)),
  );
}

async function commands(): Promise<number> {
  const info = await redis.info('stats');
  return Number(/total_commands_processed:(\d+)/u.exec(info)?.[1]);
}

describe('origins of the live view', () => {
  it('are those at work, and of thousands only these are read every second', async () => {
    await fill();
    const live = new LiveOrigins(origins);
    expect(await live.read()).toHaveLength(BUSY);
    const before = await commands();
    for (let look = 0; look < 3; look += 1) expect(await live.read()).toHaveLength(BUSY);
    // INSPECT and its three commands for fifty origins, three times, and the counting itself.
    expect((await commands()) - before).toBeLessThan(620);
  });
});
