import { closeAfterEach, eventually, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { aliveWorker, manyBatches, manyOrigins } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';
import { type Work, workDuring } from './redis-work.ts';

closeAfterEach();

describe('what views cost Redis', () => {
  let server: PrivateRedis;
  let web: Web;

  // A Redis of its own, because the test counts commands.
  beforeEach(async () => {
    server = await startRedis();
    web = await Web.start([], server.url);
  });

  afterEach(async () => {
    await web.stop();
    web.redis.disconnect();
    await server.dispose();
  });

  /** For one answer. */
  async function costOf(path: string): Promise<Work> {
    return workDuring(web.redis, async () => {
      expect([path, (await web.ask(path)).status]).toEqual([path, 200]);
    });
  }

  /** Of an answer that is older than the last look: scripts, commands, bytes. */
  async function nextCostOf(path: string): Promise<readonly number[]> {
    let cost: readonly number[] = [];
    await eventually(async () => {
      const { scripts, commands, sentBytes } = await costOf(path);
      cost = [scripts, commands, sentBytes];
      expect(scripts).toBeGreaterThan(0);
    });
    return cost;
  }

  it('is bounded with 2,000 batches, 10,000 origins and 500 workers', async () => {
    await manyBatches(web, { ended: 1_500, running: 500 });
    await manyOrigins(web, 10_000);
    await Promise.all(Array.from({ length: 500 }, async (_, at) => aliveWorker(web, `w-${at}`)));
    /** Scripts of the first look; scripts, commands and sent bytes of the next one. */
    const views: Record<string, readonly [number, ...number[]]> = {
      // Batches under way, the newest ended ones, and the origins worked on last; then the newest
      // under way, origins in turn and in trouble, and what is read once in a while.
      '/api/overview': [500 + 100 + 500 + 20, 50 + 40 + 10, 1_500, 400_000],
      '/api/batches': [110, 120, 1_000, 200_000],
      '/api/batches/batch-01999': [600, 40, 1_000, 100_000],
      '/api/origins': [600, 50 + 20 + 5, 700, 100_000],
      '/api/origins?text=o-99': [300, 50 + 5, 500, 300_000],
      '/api/batches?state=cancelled&limit=200': [1_000],
      '/api/batches?name=batch-00&limit=200': [300],
      // One read of its limits, one of its history.
      '/api/origins/https%3A%2F%2Fo-1.example': [5],
      '/api/workers': [10],
      '/api/schedules': [10],
    };
    for (const [path, [first, ...next]] of Object.entries(views)) {
      const { scripts } = await costOf(path);
      expect([path, scripts <= first ? 'bounded' : scripts]).toEqual([path, 'bounded']);
      const cost = next.length === 0 ? [] : await nextCostOf(path);
      const isBounded = next.every((most, at) => (cost[at] ?? 0) <= most);
      expect([path, isBounded ? 'bounded' : cost]).toEqual([path, 'bounded']);
    }
  });
});
