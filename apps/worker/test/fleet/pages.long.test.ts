import { PausedSlices } from '@fetchfleet/fleet';
import { closeAfterEach, eventually, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, range, setUpFleet } from './fleet-fixture.ts';
import { pagesIn, pagesOf, startPagedOrigin, STYLES } from './paged-origin.ts';

closeAfterEach();

const CHAINS = 20;
const LENGTH = 100;
const lengthOf = (): number => LENGTH;

/** Pages of a record line, each once. */
function once(pages: readonly string[]): string[] {
  return [...new Set(pages)];
}

describe('chains of pages, each page once', () => {
  it.each(['got', 'native'])(
    'when workers and Redis are killed in the middle, over %s',
    async (transport) => {
      const redis = await startRedis({ appendonly: true, appendfsync: 'always' });
      const { results, fleet } = await setUpFleet(redis.url);
      const origin = await startPagedOrigin({ lengthOf, delayMs: 10 });
      const flags = ['--transport', transport, '--concurrency', '20'];
      const asked = (): number => [...origin.asked.values()].reduce((sum, times) => sum + times, 0);
      let killed = 0;
      const workers = [await fleet.worker(flags), await fleet.worker(flags)];
      await fleet.enqueue('kills', crawlFile('', CHAINS, STYLES.cursor(origin)), 5);
      for (const share of [0.1, 0.4]) {
        await eventually(() => expect(asked()).toBeGreaterThan(share * CHAINS * LENGTH));
        // What is in flight, or waits to become durable.
        killed += CHAINS;
        await workers.shift()?.kill('SIGKILL');
        workers.push(await fleet.worker(flags));
      }
      await eventually(() => expect(asked()).toBeGreaterThan(0.7 * CHAINS * LENGTH));
      await redis.kill();
      await redis.restart();
      expect(await fleet.finished('kills')).toMatchObject({ ok: CHAINS, pages: CHAINS * LENGTH });
      const expected = pagesOf(CHAINS, lengthOf, 'no-next');
      expect(once(await pagesIn(results, 'kills'))).toEqual(expected);
      expect(origin.asked.size).toBe(expected.length);
      expect(asked() - expected.length).toBeLessThanOrEqual(killed);
      expect(Math.max(...origin.asked.values())).toBeLessThanOrEqual(3);
      await fleet.stop();
      await redis.dispose();
    },
  );

  it('when workers drain, and when the batch is paused', async () => {
    const { results, fleet } = await setUpFleet();
    // No chain ends before the pause is noticed.
    let length = Infinity;
    const origin = await startPagedOrigin({ lengthOf: () => length, delayMs: 5 });
    const flags = ['--concurrency', '20'];
    await fleet.enqueue('drain', crawlFile('', CHAINS, STYLES.link(origin)), 5);
    for (const round of [1, 2]) {
      const worker = await fleet.worker(flags);
      await eventually(() => expect(origin.asked.size).toBeGreaterThan(round * 5 * CHAINS));
      await worker.kill('SIGTERM');
      expect(worker.stderr).not.toMatch(/drain timeout passed/);
    }
    await fleet.worker(flags);
    await eventually(() => expect(origin.asked.size).toBeGreaterThan(15 * CHAINS));
    await fleet.ledger.pause('drain');
    await eventually(async () => expect((await fleet.queue.counts())['active']).toBe(0));
    const asked = [...origin.asked.keys()].map((key) => Number(key.split(' ')[1]));
    length = Math.max(...asked) + 5;
    await fleet.ledger.unpause('drain');
    await new PausedSlices(fleet.redis, fleet.keys).requeue('drain');
    await fleet.finished('drain');
    expect(await pagesIn(results, 'drain')).toEqual(pagesOf(CHAINS, () => length, 'no-next'));
    expect([...origin.asked.values()]).toEqual(range(CHAINS * length).map(() => 1));
  });
});
