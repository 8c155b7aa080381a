import { closeAfterEach, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { connectRedis, EMPTY_REPORT, fleetKeys, Gate, SliceQueue } from '../../src/index.ts';
import { enqueue } from '../../src/queue/enqueue.ts';
import { crawl, plan } from '../fixture.ts';

closeAfterEach();

const WAITING = 20_000;
const FETCHED = 1_000;

async function fixture() {
  const server = await startRedis();
  const redis = await connectRedis(server.url);
  const usedBytes = async (): Promise<number> =>
    Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  const stop = async (): Promise<void> => {
    redis.disconnect();
    await server.dispose();
  };
  return { redis, keys: fleetKeys(), usedBytes, stop };
}

/** A fetch of each origin. */
const many = {
  ...crawl,
  plan: { ...plan, url: 'http://h{n}.example/' },
  sources: [{ name: 'n', kind: 'range' as const, from: 1, to: WAITING }],
};

describe('thousands of origins with one fetch each', () => {
  it('take less than 60 bytes of Redis for a fetch that waits', async () => {
    const { redis, keys, usedBytes, stop } = await fixture();
    const queue = new SliceQueue(redis, keys);
    const packing = { sliceSize: 50, mixesOrigins: true };
    const { signal } = new AbortController();
    await queue.add([]);
    const before = await usedBytes();
    await enqueue({ queue, batch: 'b', crawl: many, packing, signal });
    const bytes = ((await usedBytes()) - before) / WAITING;
    expect(bytes).toBeLessThan(60);
    await queue.stop();
    await stop();
  });

  it('take less than 1 kB each at the gate, which forgets them', async () => {
    const { redis, keys, usedBytes, stop } = await fixture();
    const gate = new Gate({ redis, keys, worker: 'w-1' });
    const before = await usedBytes();
    const origins = Array.from({ length: FETCHED }, (_, i) => `http://h${i}.example`);
    const call = { horizonMs: 50, leadMs: 1, arrivals: [], batches: [] };
    const ended = { ...EMPTY_REPORT, ended: 1, ok: 1, durationMs: 5, typicalMs: 5 };
    const limits = [{ batch: 'b', politeness: plan.politeness }];
    const exchange = async (origin: string): Promise<void> => {
      const asked = { inFlight: 0, want: 1, waiting: 1, report: EMPTY_REPORT };
      await gate.exchange(origin, { ...call, ...asked, batches: limits });
      await gate.exchange(origin, { ...call, inFlight: 0, want: 0, waiting: 0, report: ended });
    };
    await Promise.all(origins.map(exchange));
    const bytes = ((await usedBytes()) - before) / FETCHED;
    expect(bytes).toBeLessThan(1_000);
    const kept = await Promise.all(origins.map(async (origin) => redis.pttl(keys.gate(origin))));
    expect(Math.min(...kept)).toBeGreaterThan(1_700_000);
    expect(Math.max(...kept)).toBeLessThanOrEqual(1_800_000);
    await stop();
  });
});
