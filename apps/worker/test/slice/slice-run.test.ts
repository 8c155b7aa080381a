import {
  type FetchFailure,
  type FetchResult,
  lastReasonOf,
  packSlice,
  parseSlice,
  unpackSlice,
} from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { RobotsAnswer } from '../../src/batch/robots.ts';
import { BatchToken, type TokenResult } from '../../src/batch/token.ts';
import { Permits } from '../../src/permits/permits.ts';
import type { Deferral } from '../../src/origin/waiting-slice.ts';
import { SliceRun } from '../../src/slice/slice-run.ts';
import { batchOf, fetchOf, requestOf, responseOf, startTools } from './slice-fixture.ts';

closeAfterEach();

const SLICE = { id: 'b.0', origin: 'http://origin.example' };
const FAR: Deferral = {
  kind: 'deferred',
  dueInMs: 30_000,
  ticket: 7,
  isRefused: false,
  deniedForMs: 0,
};

function failToExpand(): string {
  throw new Error('no such parameter');
}

function signals(lost = new AbortController().signal) {
  return { lost, onRobotsRequested: () => undefined, onPermitsRequested: () => undefined };
}

function failureOf(outcome: 'timeout' | 'network-error', code: string): FetchFailure {
  return {
    kind: 'failure',
    outcome,
    code,
    message: `http://origin.example: ${code}`,
    bytes: 0,
    startedAt: 0,
    durationMs: 5,
  };
}

describe('a run of a slice', () => {
  it('records each fetch that settles, and has no rest then', async () => {
    const { tools, started, ended, records } = startTools();
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1), fetchOf(2)], signals());
    await eventually(() => started.length === 2);
    started[0]?.listener.onResult(responseOf(200));
    started[1]?.listener.onResult(responseOf(404));
    expect(await running).toEqual({ fetches: [], dueInMs: 0, ticket: 0, isDeferred: false });
    expect(ended).toHaveLength(2);
    expect(records()).toEqual([
      { index: 1, outcome: 'ok', attempts: 1 },
      { index: 2, outcome: 'http-error', attempts: 1 },
    ]);
  });

  it('leaves the fetches that fail or are refused for later, in their order', async () => {
    const { tools, started } = startTools();
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1), fetchOf(2)], signals());
    await eventually(() => started.length === 2);
    started[1]?.listener.onResult(responseOf(500));
    started[0]?.listener.onResult(responseOf(429, { 'retry-after': '2' }));
    const { fetches, dueInMs } = await running;
    expect(fetches.map(({ index, attempts }) => [index, attempts])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(fetches[0]?.throttledSince).toBeGreaterThan(0);
    expect(dueInMs).toBeLessThanOrEqual(1_000);
  });

  it('does not start fetches that are not due', async () => {
    const { tools, started } = startTools();
    const later = fetchOf(3, { dueAt: Date.now() + 60_000, attempts: 1 });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([later], signals());
    expect(started).toHaveLength(0);
    expect(rest.fetches).toEqual([later]);
    expect(rest.dueInMs).toBeGreaterThan(50_000);
  });

  it('records what robots.txt forbids without fetching it', async () => {
    const { tools, started, records } = startTools({
      robots: { kind: 'rules', isAllowed: () => false },
    });
    await new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    expect(started).toHaveLength(0);
    expect(records()).toEqual([{ index: 1, outcome: 'robots-denied', attempts: 0 }]);
  });

  it('lets the worker claim others while it asks for robots.txt, as if it waited for permits', async () => {
    const { tools, records } = startTools();
    const permits = new Permits(10);
    const before = permits.vacancies;
    const { promise: answer, resolve } = Promise.withResolvers<RobotsAnswer>();
    const robots = { known: () => undefined, ask: async () => answer };
    let vacancies: number | undefined;
    const running = new SliceRun({ ...tools, robots, permits }, batchOf(), SLICE).run(
      [fetchOf(1), fetchOf(2)],
      { ...signals(), onRobotsRequested: () => (vacancies = permits.vacancies) },
    );
    expect(vacancies).toBe(before - 2);
    resolve({ kind: 'rules', isAllowed: () => false });
    await running;
    expect(permits.vacancies).toBe(before);
    expect(records()).toHaveLength(2);
  });

  it('returns a fetch whose record cannot be written', async () => {
    const { tools, started } = startTools({ canRecord: false });
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(responseOf(200));
    expect((await running).fetches).toEqual([fetchOf(1)]);
  });

  it('ends with the error when a fetch cannot be started', async () => {
    const { tools, ended } = startTools();
    const request = { ...requestOf('http://origin.example/{n}'), expand: failToExpand };
    const running = new SliceRun(tools, batchOf({ request }), SLICE).run([fetchOf(1)], signals());
    await expect(running).rejects.toThrow('no such parameter');
    expect(ended).toEqual([undefined]);
  });
});

describe('a slice whose origin has no robots.txt to ask', () => {
  const unreachable = {
    kind: 'unreachable',
    dueInMs: 40_000,
    unreachableForMs: 50_000,
    isDown: true,
    reason: 'http://origin.example/robots.txt cannot be fetched: it is down',
  } as const;

  it('waits, and uses no attempt', async () => {
    const { tools, records } = startTools({ robots: unreachable });
    const fresh = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    expect((await fresh).fetches).toMatchObject([{ index: 1, attempts: 0 }]);
    expect((await fresh).dueInMs).toBeGreaterThan(30_000);
    const waiting = fetchOf(1, { throttledSince: Date.now() - 45_000 });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([waiting], signals());
    expect(rest.fetches).toEqual([waiting]);
    expect(rest.dueInMs).toBeLessThanOrEqual(15_001);
    expect(records()).toEqual([]);
  });

  it.each([
    { what: 'is down', isDown: true, outcome: 'network-error' },
    { what: 'answers something else', isDown: false, outcome: 'robots-denied' },
  ])('fails its fetches when patience is over: it $what', async ({ isDown, outcome }) => {
    const { tools, records } = startTools({
      robots: { ...unreachable, unreachableForMs: 100_000, isDown },
    });
    const waited = fetchOf(1, { throttledSince: Date.now() - 60_001 });
    const fresh = fetchOf(2);
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([waited, fresh], signals());
    expect(rest.fetches.map(({ index }) => index)).toEqual([2]);
    expect(records()).toEqual([{ index: 1, outcome, attempts: 0 }]);
  });

  it('fails as the request for robots.txt where waiting is in vain, after its attempts', async () => {
    const result = {
      kind: 'failure',
      outcome: 'network-error',
      code: 'ENOTFOUND',
      message: 'http://origin.example: getaddrinfo ENOTFOUND',
      bytes: 0,
      startedAt: 0,
      durationMs: 5,
    } as const;
    const { tools, started, records } = startTools({ robots: { kind: 'lost', result } });
    const last = fetchOf(1, { attempts: 2 });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([last, fetchOf(2)], signals());
    expect(started).toEqual([]);
    expect(rest.fetches).toMatchObject([{ index: 2, attempts: 1, throttledSince: 0 }]);
    expect(records()).toEqual([{ index: 1, outcome: 'network-error', attempts: 3 }]);
  });
});

describe('a slice whose batch has no token', () => {
  const failed = failureOf('network-error', 'AUTH_FAILED');

  it.each<[string, TokenResult, readonly unknown[], readonly unknown[]]>([
    ['is on its way', { kind: 'wait', dueInMs: 7 }, [fetchOf(1, { attempts: 2 }), fetchOf(2)], []],
    [
      'cannot be had now',
      { kind: 'down', dueInMs: 0, reason: 'it is down' },
      [
        expect.objectContaining({ index: 1, attempts: 2 }),
        expect.objectContaining({ index: 2, attempts: 0 }),
      ],
      [],
    ],
    [
      'is refused',
      { kind: 'refused', result: failed },
      [expect.objectContaining({ index: 2, attempts: 1 })],
      [{ index: 1, outcome: 'network-error', attempts: 3 }],
    ],
  ])('starts nothing while it %s', async (_what, result, rest, recorded) => {
    const { tools, started, records } = startTools();
    const batch = batchOf({ token: new BatchToken(async () => result) });
    const fetches = [fetchOf(1, { attempts: 2 }), fetchOf(2)];
    const run = await new SliceRun(tools, batch, SLICE).run(fetches, signals());
    expect(run.fetches).toEqual(rest);
    expect(started).toEqual([]);
    expect(records()).toEqual(recorded);
  });

  it('fails its fetches as AUTH_FAILED when their patience is over', async () => {
    const { tools, errors } = startTools();
    let now = Date.now() - 100_000;
    const reason = 'https://login.example gives no token: it answered 503';
    const down = { kind: 'down', dueInMs: 0, reason } as const;
    const token = new BatchToken(
      async () => down,
      () => now,
    );
    await token.ask();
    now = Date.now();
    const waited = fetchOf(1, { throttledSince: Date.now() - 60_001 });
    await new SliceRun(tools, batchOf({ token }), SLICE).run([waited], signals());
    expect(errors()).toEqual([{ outcome: 'network-error', code: 'AUTH_FAILED', message: reason }]);
  });
});

describe('a slice that is deferred', () => {
  it('keeps its ticket and uses no attempt', async () => {
    const { tools } = startTools({ admit: () => FAR });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    expect(rest).toMatchObject({ ticket: 7, isDeferred: true, fetches: [fetchOf(1)] });
    expect(rest.dueInMs).toBeGreaterThan(29_000);
  });

  it('by an origin that refuses comes back when the patience of its fetches ends', async () => {
    const { tools } = startTools({
      admit: () => ({ ...FAR, dueInMs: 3_600_000, isRefused: true, deniedForMs: 30_000 }),
    });
    const waiting = fetchOf(1, { throttledSince: Date.now() - 20_000 });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([waiting], signals());
    expect(rest.fetches).toEqual([waiting]);
    expect(rest.dueInMs).toBeGreaterThan(20_000);
    expect(rest.dueInMs).toBeLessThanOrEqual(40_001);
  });

  it('keeps its patience with an origin that has accepted something since it was refused', async () => {
    const { tools, records } = startTools({
      admit: () => ({ ...FAR, dueInMs: 3_600_000, isRefused: true, deniedForMs: 1_000 }),
    });
    const waited = fetchOf(1, { throttledSince: Date.now() - 600_000 });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([waited], signals());
    expect(records()).toEqual([]);
    expect(rest.dueInMs).toBeGreaterThan(50_000);
    expect(Date.now() - (rest.fetches[0]?.throttledSince ?? 0)).toBeLessThan(10_000);
  });

  it('by an origin that refuses fails the fetches whose patience is over', async () => {
    const { tools, records } = startTools({
      admit: () => ({ ...FAR, isRefused: true, deniedForMs: 70_000 }),
    });
    const waited = fetchOf(1, { throttledSince: Date.now() - 60_001 });
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([waited], signals());
    expect(rest.fetches).toEqual([]);
    expect(records()).toEqual([{ index: 1, outcome: 'network-error', attempts: 0 }]);
  });
});

describe('a slice whose origin refuses for long', () => {
  const REFUSED = responseOf(429, { 'retry-after': '20' });
  const BLOCKED: Deferral = { ...FAR, isRefused: true, deniedForMs: 5 };

  /** The scheduler starts the first `starts` fetches, and defers the slice from then on. */
  function startThenDefer(starts: number) {
    const deferred: { readonly waiting: number; readonly ticket: number }[] = [];
    let left = starts;
    const tools = startTools({
      admit: (slice, grant) => {
        for (; left > 0 && slice.waiting > 0; left--) {
          slice.start(grant);
        }
        if (slice.waiting === 0) {
          return { kind: 'started' };
        }
        deferred.push({ waiting: slice.waiting, ticket: slice.ticket });
        return BLOCKED;
      },
    });
    return { ...tools, deferred };
  }

  it('waits for its turn with all that was refused', async () => {
    const { tools, started, deferred } = startThenDefer(2);
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1), fetchOf(2)], signals());
    await eventually(() => started.length === 2);
    started.map(({ listener }) => listener.onResult(REFUSED));
    const rest = await running;
    expect(deferred).toEqual([{ waiting: 2, ticket: 0 }]);
    expect(rest).toMatchObject({ ticket: 7, isDeferred: true });
    expect(rest.dueInMs).toBeGreaterThan(29_000);
    // The gate says when they start, and an earlier end of the block is theirs as well.
    expect(rest.fetches).toEqual(
      [1, 2].map((index) =>
        fetchOf(index, {
          throttledSince: expect.any(Number) as unknown as number,
          reason: lastReasonOf(REFUSED),
        }),
      ),
    );
  });

  it('keeps its place where others of its fetches wait there already', async () => {
    const { tools, started, deferred } = startThenDefer(1);
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1), fetchOf(2)], signals());
    await eventually(() => deferred.length === 1);
    started[0]?.listener.onResult(REFUSED);
    const { fetches } = await running;
    expect(deferred).toEqual([
      { waiting: 1, ticket: 0 },
      { waiting: 2, ticket: 7 },
    ]);
    expect(fetches.map(({ index }) => index)).toEqual([1, 2]);
  });

  it.each<[string, FetchResult]>([
    ['answers that it has no answer yet', responseOf(202, { 'retry-after': '20' })],
    ['asks for a short wait', responseOf(429, { 'retry-after': '2' })],
    ['names no time', responseOf(429)],
    [
      'has redirected it to one that refuses',
      { ...REFUSED, finalUrl: 'http://elsewhere.example/1' },
    ],
  ])('does not, where the origin %s', async (_, result) => {
    const { tools, started, deferred } = startThenDefer(1);
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(result);
    const { fetches, isDeferred } = await running;
    expect(deferred).toEqual([]);
    expect(isDeferred).toBe(false);
    expect(fetches[0]?.dueAt).toBeGreaterThan(Date.now());
  });

  it('waits no longer in a worker that drains', async () => {
    const { tools, started, deferred, draining } = startThenDefer(1);
    const running = new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    draining.abort();
    started[0]?.listener.onResult(REFUSED);
    const { fetches } = await running;
    expect(deferred).toEqual([]);
    expect(fetches[0]?.dueAt).toBeGreaterThan(Date.now());
  });
});

describe('a fetch that was tried, and whose patience ends while it waits', () => {
  const refusing: Deferral = { ...FAR, isRefused: true, deniedForMs: 70_000 };
  const unreachable = {
    kind: 'unreachable',
    dueInMs: 40_000,
    unreachableForMs: 70_000,
    isDown: false,
    reason: 'http://origin.example/robots.txt cannot be fetched: it answered 503',
  } as const;

  it.each<[string, FetchResult, Record<string, unknown>]>([
    ['HTTP_500', responseOf(500), { outcome: 'http-error', status: 500 }],
    ['HTTP_429', responseOf(429), { outcome: 'http-error', status: 429 }],
    ['ECONNRESET', failureOf('network-error', 'ECONNRESET'), { outcome: 'network-error' }],
    ['FETCH_TIMEOUT', failureOf('timeout', 'FETCH_TIMEOUT'), { outcome: 'timeout' }],
  ])('ends for the reason of its own last attempt: %s', async (code, result, ending) => {
    for (const wait of [{ admit: () => refusing }, { robots: unreachable }]) {
      const { tools: first, started } = startTools();
      const running = new SliceRun(first, batchOf(), SLICE).run([fetchOf(1)], signals());
      await eventually(() => started.length === 1);
      started[0]?.listener.onResult(result);
      const [tried] = unpackSlice(
        parseSlice(structuredClone(packSlice('b', SLICE.origin, (await running).fetches))),
      );
      const { tools, errors, records } = startTools(wait);
      const throttledSince = Date.now() - 60_001;
      const waited = { ...fetchOf(1), ...tried, dueAt: 0, throttledSince };
      await new SliceRun(tools, batchOf(), SLICE).run([waited], signals());
      expect(errors()).toEqual([
        { ...ending, code, message: expect.stringMatching(/(?:answered|example).*; then .+/) },
      ]);
      expect(records()).toMatchObject([{ index: 1, attempts: tried?.attempts }]);
    }
  });

  it('ends as unavailable if its last answer was none of failure', async () => {
    const { tools: first, started } = startTools();
    const failed = lastReasonOf(responseOf(500));
    const before = fetchOf(1, { attempts: 1, reason: failed });
    const running = new SliceRun(first, batchOf(), SLICE).run([before], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(responseOf(202, { 'retry-after': '1' }));
    const [tried] = (await running).fetches;
    const { tools, errors } = startTools({ admit: () => refusing });
    const waited = { ...fetchOf(1), ...tried, dueAt: 0, throttledSince: Date.now() - 60_001 };
    await new SliceRun(tools, batchOf(), SLICE).run([waited], signals());
    expect(errors()).toMatchObject([{ outcome: 'network-error', code: 'ORIGIN_UNAVAILABLE' }]);
  });

  it('keeps at most 200 characters of the reason', () => {
    const long = { ...failureOf('network-error', 'X'), message: 'x'.repeat(5_000) };
    expect(lastReasonOf(long)?.message).toHaveLength(200);
  });
});

describe('a slice that has to stop', () => {
  it.each(['a lost claim', 'a cancelled batch', 'the drain deadline'])(
    'aborts its fetches in flight and returns them as never started: %s',
    async (reason) => {
      const { tools, started, ended, expired } = startTools();
      const [lost, cancelled] = [new AbortController(), new AbortController()];
      const batch = batchOf({ cancelled: cancelled.signal });
      const running = new SliceRun(tools, batch, SLICE).run([fetchOf(1)], signals(lost.signal));
      await eventually(() => started.length === 1);
      const aborts = {
        'a lost claim': lost,
        'a cancelled batch': cancelled,
        'the drain deadline': expired,
      };
      Object.entries(aborts)
        .find(([name]) => name === reason)?.[1]
        .abort();
      expect((await running).fetches).toEqual([fetchOf(1)]);
      expect(ended).toEqual([undefined]);
    },
  );

  it('starts nothing while the worker drains', async () => {
    const { tools, started, draining } = startTools();
    draining.abort();
    const rest = await new SliceRun(tools, batchOf(), SLICE).run([fetchOf(1)], signals());
    expect(started).toHaveLength(0);
    expect(rest).toMatchObject({ fetches: [fetchOf(1)], dueInMs: 0 });
  });

  it('wakes its scheduler when the worker drains or its batch is paused', async () => {
    const { tools, draining } = startTools();
    const woken: string[] = [];
    const wake = (origin?: string): void => void woken.push(origin ?? 'all');
    const own = { ...tools, schedulers: { ...tools.schedulers, wake } };
    // Its scheduler holds it until it is woken.
    own.schedulers.of = () => ({
      admit: async () => {
        await eventually(() => woken.length > 0);
        return { kind: 'started' };
      },
    });
    const running = new SliceRun(own, batchOf(), SLICE).run([fetchOf(1)], signals());
    draining.abort();
    expect(woken).toEqual([SLICE.origin]);
    expect(await running).toMatchObject({ fetches: [fetchOf(1)], dueInMs: 0 });
  });

  it('waits for no start while the worker drains', () => {
    const { tools, draining } = startTools();
    const run = new SliceRun(tools, batchOf(), SLICE);
    void run.run([fetchOf(1)], signals());
    draining.abort();
    expect(run.waiting).toBe(0);
  });
});
