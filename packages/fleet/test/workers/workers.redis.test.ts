import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Ledger, type WorkerReport, Workers } from '../../src/index.ts';
import { freshFleet, registration } from '../fixture.ts';

closeAfterEach();

async function freshWorkers() {
  const fleet = await freshFleet();
  const silence = async (id: string, seconds: number): Promise<void> => {
    const [now] = await fleet.redis.time();
    await fleet.redis.zadd(fleet.keys.workers, Number(now) - seconds, id);
  };
  return { ...fleet, workers: new Workers(fleet.redis, fleet.keys), silence };
}

function report(id: string, extra: Partial<WorkerReport> = {}): WorkerReport {
  return {
    id,
    host: 'a',
    pid: 17,
    version: '1.2.3',
    transport: 'got',
    concurrency: 50,
    inFlight: 7,
    slices: 2,
    batches: ['b-1'],
    state: 'working',
    roles: ['fetch'],
    fetchesPerSecond: 12.5,
    uptimeMs: 60_000,
    metricsUrl: 'http://a:9464/metrics',
    ...extra,
  };
}

describe('the register of workers', () => {
  it('lists what each worker reports, by host, the oldest worker first', async () => {
    const { workers } = await freshWorkers();
    await workers.heartbeat(report('w-2', { host: 'b', uptimeMs: 1_000 }));
    await workers.heartbeat(report('w-3', { host: 'a', uptimeMs: 1_000 }));
    await workers.heartbeat(report('w-1', { host: 'a' }));
    const list = await workers.list();
    expect(list.map(({ id }) => id)).toEqual(['w-1', 'w-3', 'w-2']);
    const [first] = list;
    const { uptimeMs, ...same } = report('w-1');
    expect(first).toEqual({
      ...same,
      startedAt: expect.any(String),
      lastSeenAt: expect.any(String),
      silentMs: expect.any(Number),
    });
    const upMs = Date.parse(first?.lastSeenAt ?? '') - Date.parse(first?.startedAt ?? '');
    expect(upMs).toBe(uptimeMs);
    expect(first?.silentMs).toBeLessThan(5_000);
  });

  it('is empty before the first heartbeat', async () => {
    const { workers } = await freshWorkers();
    expect(await workers.list()).toEqual([]);
  });

  it('forgets a worker at once when it removes itself', async () => {
    const { workers, redis, keys } = await freshWorkers();
    await workers.heartbeat(report('w-1'));
    await workers.remove('w-1');
    expect(await workers.list()).toEqual([]);
    expect(await redis.exists(keys.workers, keys.workersInfo)).toBe(0);
  });

  it('lists a killed worker as gone, for 15 minutes', async () => {
    const { workers, silence, redis, keys } = await freshWorkers();
    await workers.heartbeat(report('w-1'));
    await workers.heartbeat(report('w-2'));
    await silence('w-1', 20);
    await silence('w-2', 1_000);
    expect((await workers.list()).map(({ id, state }) => [id, state])).toEqual([['w-1', 'gone']]);
    await workers.heartbeat(report('w-3'));
    expect((await redis.hkeys(keys.workersInfo)).toSorted()).toEqual(['w-1', 'w-3']);
  });

  it('leaves out reports that it cannot read', async () => {
    const { workers, redis, keys } = await freshWorkers();
    await workers.heartbeat(report('w-1'));
    await workers.heartbeat(report('w-2'));
    await workers.heartbeat(report('w-3'));
    await redis.hset(keys.workersInfo, 'w-1', '{"id":"w-1"}', 'w-2', 'no JSON');
    expect((await workers.list()).map(({ id }) => id)).toEqual(['w-3']);
  });

  it('tells a worker once somebody has asked it to drain, until it is gone', async () => {
    const { workers } = await freshWorkers();
    expect(await workers.askToDrain('w-1')).toBe(false);
    expect(await workers.heartbeat(report('w-1'))).toBe(false);
    await workers.heartbeat(report('w-2'));
    expect(await workers.askToDrain('w-1')).toBe(true);
    expect(await workers.heartbeat(report('w-1', { state: 'draining' }))).toBe(true);
    expect(await workers.heartbeat(report('w-2'))).toBe(false);
    await workers.remove('w-1');
    expect(await workers.heartbeat(report('w-1'))).toBe(false);
  });
});

describe('a batch whose slices may have several origins', () => {
  it('has none of those while a worker of version 0.1 would reject them', async () => {
    const { redis, keys, workers, silence } = await freshWorkers();
    const ledger = new Ledger(redis, keys);
    const mixes = async (id: string): Promise<boolean | undefined> => {
      await ledger.register({ ...registration(id, 10), mixesOrigins: true });
      return (await ledger.status(id))?.mixesOrigins;
    };
    expect(await mixes('no-worker')).toBe(true);
    await workers.heartbeat(report('w-new'));
    expect(await mixes('new-worker')).toBe(true);
    await silence('w-old', 2);
    await redis.hset(keys.workersInfo, 'w-old', JSON.stringify(report('w-old')));
    expect(await mixes('old-worker')).toBeUndefined();
    await silence('w-old', 20);
    expect(await mixes('gone-worker')).toBe(true);
  });
});
