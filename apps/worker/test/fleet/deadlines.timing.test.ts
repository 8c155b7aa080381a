import {
  closeAfterEach,
  eventually,
  redisUrl,
  startOrigin,
  startRedis,
  temporaryFolder,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  crawlFile,
  expectComplete,
  readRecords,
  settled,
  setUpFleet,
  startFleet,
} from './fleet-fixture.ts';

closeAfterEach();

const TOTAL = 1_200;

const setUp = async () => setUpFleet(redisUrl(), { delayMs: 80 });

describe('a fleet', () => {
  it('fetches again within 15 s what a killed worker had in flight', async () => {
    const { origin, results, fleet } = await setUp();
    const total = await fleet.enqueue('killed', crawlFile(`${origin.url}/echo/{n}`, TOTAL));
    await fleet.worker(['--concurrency', '2']);
    const victim = await fleet.worker(['--concurrency', '30']);
    await settled(fleet, 'killed', 100);
    // The victim has more in flight than one slice, and nothing is answered until it is dead.
    const released = Promise.withResolvers<void>();
    origin.respond(/echo/, async (_, response) => {
      await released.promise;
      response.end('done');
    });
    await eventually(() => expect(origin.inFlight).toBe(32));
    await victim.kill('SIGKILL');
    const killedAt = performance.now();
    expect((await fleet.queue.counts())['active']).toBeGreaterThan(2);
    released.resolve();
    await fleet.worker(['--concurrency', '30']);
    await expectComplete({ fleet, results }, 'killed', total);
    expect(performance.now() - killedAt).toBeLessThan(18_000);
    const records = await readRecords(results, 'killed');
    expect(Math.max(...records.map(({ attempts }) => attempts))).toBe(1);
  });

  it('stops running fetches of a cancelled batch within 2 s', async () => {
    const { origin, fleet } = await setUp();
    origin.respond(/hang/, () => undefined);
    await fleet.enqueue('stop', crawlFile(`${origin.url}/hang/{n}`, 30));
    await fleet.worker();
    await eventually(() => expect(origin.inFlight).toBe(30));
    await fleet.ledger.cancel('stop');
    const cancelledAt = performance.now();
    await eventually(() => expect(origin.inFlight).toBe(0));
    expect(performance.now() - cancelledAt).toBeLessThan(2_500);
    await eventually(async () =>
      expect(await fleet.queue.counts()).toMatchObject({ active: 0, waiting: 0, delayed: 0 }),
    );
  });

  it('shares a small batch with the other workers', async () => {
    const { origin, fleet, results } = await setUp();
    origin.respond(/shared/, { delayMs: 100, body: 'ok' });
    const workers = [fleet.worker(['--concurrency', '20']), fleet.worker(['--concurrency', '20'])];
    await Promise.all(workers);
    const total = await fleet.enqueue('shared', crawlFile(`${origin.url}/shared/{n}`, 195));
    await fleet.finished('shared');
    const byWorker = Object.groupBy(await readRecords(results, 'shared'), ({ worker }) => worker);
    const shares = Object.values(byWorker).map((records = []) => records.length);
    expect(shares).toHaveLength(2);
    expect(Math.min(...shares)).toBeGreaterThan(total / 4);
  });

  it('ends a busy worker after the drain timeout, also while Redis is away', async () => {
    const redis = await startRedis();
    const origin = await startOrigin();
    origin.respond(/hang/, () => undefined);
    const { path } = await temporaryFolder();
    const fleet = await startFleet(redis.url, path);
    await fleet.enqueue('away', crawlFile(`${origin.url}/hang/{n}`, 30));
    const worker = await fleet.worker(['--drain-timeout', '2s']);
    await eventually(() => expect(origin.inFlight).toBe(30));
    await redis.kill();
    const stoppedAt = performance.now();
    await worker.kill('SIGTERM');
    expect(performance.now() - stoppedAt).toBeLessThan(8_000);
  });
});
