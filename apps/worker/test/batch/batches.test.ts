import { ProxyRules, SecretRules } from '@fetchfleet/crawl';
import type { BatchState } from '@fetchfleet/fleet';
import { Beat } from '@fetchfleet/service';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ActiveBatch, Batches } from '../../src/batch/batches.ts';
import { activeBatch } from './batch-fixture.ts';

const CHECK_MS = 1_000;
const FORGET_MS = 60_000;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Batches over a ledger that holds the batches `b…`, and counts how often they are read. */
function watching() {
  const ledger = {
    state: 'running' as BatchState | undefined,
    opened: 0,
    planRevision: 0,
    attempts: 5,
    limits: { timeoutMs: 1_000, maxBodyBytes: 1_000, redirects: 5 },
  };
  const clamped: string[] = [];
  const batches = new Batches({
    every: new Beat().every,
    requestToken: async () => ({ kind: 'wait', dueInMs: 0 }),
    network: { allowProxy: ProxyRules.parse(''), allowInsecureTls: false, env: {} },
    caps: { timeoutMs: 1_000, maxBodyBytes: 1_000 },
    onClamped: (id, { key, setting }) => void clamped.push(`${id}: ${key} ${setting}`),
    folder: () => ({ place: '', id: '' }),
    ledger: {
      open: async (id) => {
        ledger.opened += 1;
        const { plan, total, createdAt } = activeBatch();
        if (!id.startsWith('b') || ledger.state === undefined) {
          return undefined;
        }
        const { state, planRevision, attempts, limits } = ledger;
        const own = { ...plan, limits, retry: { ...plan.retry, attempts } };
        return { plan: own, planRevision, total, createdAt, state };
      },
      changes: async () => {
        const { state, planRevision } = ledger;
        return state === undefined ? undefined : { state, planRevision };
      },
    },
    results: '/results',
    secrets: { env: {}, rules: SecretRules.parse('') },
    onError: (error) => {
      throw error;
    },
  });
  batches.start();
  /** Uses a batch until `end` is called. */
  const use = async (id = 'b') => {
    const used = Promise.withResolvers<ActiveBatch | undefined>();
    const ended = Promise.withResolvers<void>();
    const using = batches.use(id, async (batch) => {
      used.resolve(batch);
      await ended.promise;
    });
    const batch = await used.promise;
    return {
      batch,
      end: async () => {
        ended.resolve();
        await using;
      },
    };
  };
  return {
    batches,
    ledger,
    clamped,
    use,
    pass: async (ms: number) => jest.advanceTimersByTimeAsync(ms),
  };
}

describe('the batches of a worker', () => {
  it('are read once, whatever the number of slices, and again after a minute without one', async () => {
    const { batches, ledger, use, pass } = watching();
    const slices = [await use(), await use()];
    expect([ledger.opened, batches.inUse]).toEqual([1, ['b']]);
    await Promise.all(slices.map(async ({ end }) => end()));
    expect(batches.inUse).toEqual([]);
    await pass(FORGET_MS - CHECK_MS);
    await (await use()).end();
    expect(ledger.opened).toBe(1);
    await pass(FORGET_MS + 2 * CHECK_MS);
    await (await use()).end();
    expect(ledger.opened).toBe(2);
    batches.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are read again by the next slice after they were finished', async () => {
    const { batches, ledger, use, pass } = watching();
    await (await use()).end();
    ledger.state = 'finished';
    await pass(CHECK_MS);
    ledger.state = 'running'; // somebody retries what has failed
    const next = await use();
    expect([ledger.opened, next.batch?.state]).toEqual([2, 'running']);
    await next.end();
    batches.stop();
  });

  it('follow within a second when their retries and limits are replaced', async () => {
    const { batches, ledger, use, pass } = watching();
    const { batch, end } = await use();
    expect(batch?.plan.retry.attempts).toBe(5);
    Object.assign(ledger, { planRevision: 1, attempts: 2 });
    await pass(CHECK_MS);
    expect([batch?.plan.retry.attempts, batch?.cancelled.aborted]).toEqual([2, false]);
    await pass(5 * CHECK_MS);
    expect(ledger.opened).toBe(2);
    await end();
    batches.stop();
  });

  it("keep within the worker's own limits, also when theirs are replaced", async () => {
    const { batches, ledger, clamped, use, pass } = watching();
    ledger.limits = { timeoutMs: 1_001, maxBodyBytes: 1_000, redirects: 9 };
    const { batch, end } = await use();
    expect(batch?.plan.limits).toEqual({ timeoutMs: 1_000, maxBodyBytes: 1_000, redirects: 9 });
    expect(clamped).toEqual(['b: limits.timeout --max-timeout']);
    const endless = Number.MAX_SAFE_INTEGER;
    const limits = { timeoutMs: 1, maxBodyBytes: endless, redirects: 5 };
    Object.assign(ledger, { planRevision: 1, limits });
    await pass(CHECK_MS);
    expect(batch?.plan.limits).toEqual({ timeoutMs: 1, maxBodyBytes: 1_000, redirects: 5 });
    expect(clamped.slice(1)).toEqual(['b: limits.body --max-body']);
    await end();
    batches.stop();
  });

  it('are unknown to the ledger at first, and read again next time', async () => {
    const { batches, ledger, use } = watching();
    const { batch, end } = await use('other');
    expect(batch).toBeUndefined();
    await end();
    await (await use('other')).end();
    expect(ledger.opened).toBe(2);
    batches.stop();
  });

  it('abort one signal when they are paused, and have another after they were resumed', async () => {
    const { batches, ledger, use, pass } = watching();
    const { batch, end } = await use();
    const before = batch?.paused;
    ledger.state = 'paused';
    await pass(CHECK_MS);
    expect([before?.aborted, batch?.state]).toEqual([true, 'paused']);
    ledger.state = 'running';
    await pass(CHECK_MS);
    expect([batch?.paused.aborted, batch?.state]).toEqual([false, 'running']);
    await end();
    batches.stop();
  });

  it.each(['cancelled', undefined] as const)(
    'abort their signal when the ledger says %s, and are read again by the next slice',
    async (state) => {
      const { batches, ledger, use, pass } = watching();
      const { batch, end } = await use();
      ledger.state = state;
      await pass(CHECK_MS);
      expect(batch?.cancelled.aborted).toBe(true);
      await end();
      ledger.state = 'running';
      const next = await use();
      expect(next.batch?.cancelled.aborted).toBe(false);
      await next.end();
      batches.stop();
    },
  );
});
