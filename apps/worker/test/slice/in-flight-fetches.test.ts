import {
  compileAnswerRules,
  compilePagination,
  compileRequest,
  type FetchResponse,
} from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { BatchToken } from '../../src/batch/token.ts';
import { InFlightFetches } from '../../src/slice/in-flight-fetches.ts';
import { batchOf, fetchOf, responseOf, startAll, startTools } from './slice-fixture.ts';

closeAfterEach();

const pages = {
  onNextPage: () => undefined,
  mayStart: () => true,
  onKept: () => undefined,
  onReturned: () => undefined,
};

function startFetches() {
  const { tools, started, grant, ended } = startTools();
  const target = { batch: batchOf(), origin: 'http://origin.example', slice: 'b.0' };
  const stop = new AbortController();
  const fetches = new InFlightFetches(tools, target, { stop, pages });
  return { fetches, started, grant, ended, stop };
}

describe('a fetch that has ended', () => {
  it.each([
    { what: 'a 500', status: 500, attempts: 1, isThrottled: false },
    { what: 'a 429', status: 429, attempts: 0, isThrottled: true },
  ])('with $what has used $attempts attempts', ({ status, attempts, isThrottled }) => {
    const { fetches, started, grant } = startFetches();
    fetches.start(fetchOf(1), grant);
    started[0]?.listener.onResult(responseOf(status));
    expect(fetches.returned).toMatchObject([{ index: 1, attempts }]);
    expect((fetches.returned[0]?.throttledSince ?? 0) > 0).toBe(isThrottled);
  });

  it('without success has a new connection in its next attempt', () => {
    const { fetches, started, grant } = startFetches();
    for (const attempts of [0, 1]) {
      fetches.start(fetchOf(1, { attempts }), grant);
    }
    expect(started.map(({ request }) => request.isOnNewConnection)).toEqual([false, true]);
  });

  it('of a POST has the Idempotency-Key of its attempt before', () => {
    const { tools, started, grant } = startTools();
    const request = compileRequest({ url: 'http://h/', params: [], headers: {}, method: 'POST' });
    const target = { batch: batchOf({ request }), origin: 'http://h', slice: 'b.0' };
    const fetches = new InFlightFetches(tools, target, { stop: new AbortController(), pages });
    for (const attempts of [0, 1]) {
      fetches.start(fetchOf(1, { attempts }), grant);
    }
    expect(started.map((one) => one.request.idempotencyKey)).toEqual(['b-1-1', 'b-1-1']);
  });

  it('with a 429 keeps waiting for longer than patience while the origin accepts others', () => {
    const { fetches, started, grant } = startFetches();
    const waited = fetchOf(1, { throttledSince: Date.now() - 600_000 });
    fetches.start(waited, { ...grant, deniedForMs: () => 59_000 });
    started[0]?.listener.onResult(responseOf(429));
    expect(fetches.returned).toMatchObject([{ index: 1, attempts: 0 }]);
    fetches.start(waited, { ...grant, deniedForMs: () => 61_000 });
    started[1]?.listener.onResult(responseOf(429));
    expect(fetches.returned).toHaveLength(1);
  });

  it('and was refused for long is taken once, at once or in its time', () => {
    const { fetches, started, grant } = startFetches();
    for (const index of [1, 2]) {
      fetches.start(fetchOf(index), grant);
    }
    const inAMinute = Date.now() + 60_000;
    started[0]?.listener.onResult(responseOf(429, { 'retry-after': '20' }));
    expect(fetches.takeDue(inAMinute)).toMatchObject([{ index: 1 }]);
    started[1]?.listener.onResult(responseOf(429, { 'retry-after': '20' }));
    expect(fetches.takeRefused()).toMatchObject([{ index: 2, dueAt: 0 }]);
    expect([fetches.takeRefused(), fetches.takeDue(inAMinute)]).toEqual([[], []]);
  });

  it('by being stopped is returned, and that is no error', async () => {
    const { fetches, grant, ended, stop } = startFetches();
    fetches.start(fetchOf(1), grant);
    stop.abort();
    await fetches.allEnded();
    expect(fetches.returned).toEqual([fetchOf(1)]);
    expect([ended, fetches.error]).toEqual([[undefined], undefined]);
  });

  it('by an error of the fetcher is returned, and stops all others of its slice', async () => {
    const { fetches, started, grant, stop } = startFetches();
    fetches.start(fetchOf(1), grant);
    started[0]?.listener.onAborted(new Error('the fetcher was stopped'));
    await fetches.allEnded();
    expect(fetches.error?.message).toBe('the fetcher was stopped');
    expect(stop.signal.aborted).toBe(true);
  });
});

/** The next request of a fetch, which waits. */
function heldFetch() {
  const done: string[] = [];
  const held = {
    target: new URL('http://origin.example/1'),
    follow: () => void done.push('follow'),
    refuse: () => void done.push('refuse'),
    drop: () => void done.push('drop'),
  };
  return { held, done };
}

describe('a fetch whose connection is ready too late', () => {
  it('gives its permit back and goes on in its next turn, without using an attempt', async () => {
    const { fetches, started, grant, ended } = startFetches();
    fetches.start(fetchOf(1), { ...grant, sendWithinMs: () => 34 });
    const { listener } = started[0] ?? {};
    expect(listener?.sendWithinMs?.()).toBe(34);
    const { held, done } = heldFetch();
    listener?.onTooLate?.(held);
    expect(ended).toEqual([undefined]);
    await eventually(() => done.length > 0);
    expect(done).toEqual(['follow']);
    listener?.onResult(responseOf(500));
    expect(ended).toMatchObject([undefined, { status: 500 }]);
    expect(fetches.returned).toMatchObject([{ index: 1, attempts: 1 }]);
  });

  it('is sent at any time when it was too late three times', async () => {
    const { tools, started, grant } = startTools({
      admit: (slice, own) => startAll(slice, { ...own, sendWithinMs: () => 34 }),
    });
    const target = { batch: batchOf(), origin: 'http://origin.example', slice: 'b.0' };
    const fetches = new InFlightFetches(tools, target, { stop: new AbortController(), pages });
    fetches.start(fetchOf(1), { ...grant, sendWithinMs: () => 34 });
    const { listener } = started[0] ?? {};
    const times: (number | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      const { held, done } = heldFetch();
      listener?.onTooLate?.(held);
      await eventually(() => done.length > 0);
      times.push(listener?.sendWithinMs?.());
    }
    expect(times).toEqual([34, 34, Infinity]);
  });

  it('is tried later where its next turn is far away, and has used no attempt', async () => {
    const { tools, started, grant } = startTools({
      admit: () => ({
        kind: 'deferred',
        dueInMs: 9_000,
        ticket: 0,
        isRefused: false,
        deniedForMs: 0,
      }),
    });
    const target = { batch: batchOf(), origin: 'http://origin.example', slice: 'b.0' };
    const fetches = new InFlightFetches(tools, target, { stop: new AbortController(), pages });
    fetches.start(fetchOf(1), grant);
    const { held, done } = heldFetch();
    started[0]?.listener.onTooLate?.(held);
    await eventually(() => done.length > 0);
    expect(done).toEqual(['drop']);
    expect(fetches.returned).toMatchObject([{ index: 1, attempts: 0 }]);
  });
});

describe('the page behind the last one of a counter', () => {
  it('is kept by the rules of the batch', async () => {
    const { tools, started, grant, lines } = startTools();
    const { plan } = batchOf();
    const pagination = compilePagination(
      { next: { query: 'page', from: 1, step: 1 }, max: 9 },
      plan,
    );
    const keep = { body: 'none', headers: ['etag'] } as const;
    const readAnswer = compileAnswerRules({ keep }, () => []);
    const batch = batchOf({ pagination, ...(readAnswer && { readAnswer }) });
    const target = { batch, origin: 'http://origin.example', slice: 'b.0' };
    const fetches = new InFlightFetches(tools, target, { stop: new AbortController(), pages });
    fetches.start(fetchOf(1, { cursor: { page: 1, body: '', seen: '' } }), grant);
    const body = Buffer.from('no such page');
    started[0]?.listener.onResult({ ...responseOf(404, { etag: '"x"' }), body });
    await fetches.allEnded();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ outcome: 'ok', end: 'not-found', headers: { etag: '"x"' } }),
    ]);
    expect(lines.join()).not.toContain('no such page');
  });
});

function refusal(): FetchResponse {
  return { ...responseOf(401), startedAt: Date.now() };
}

async function startWithToken() {
  const state = { now: Date.now() - 60_000, requests: 0 };
  const token = new BatchToken(
    async () => {
      state.requests += 1;
      return { kind: 'token', token: `t${state.requests}`, expiresInMs: 600_000 };
    },
    () => state.now,
  );
  await token.ask();
  state.now = Date.now();
  const { tools, started, grant } = startTools();
  const target = { batch: batchOf({ token }), origin: 'http://origin.example', slice: 'b.0' };
  const stop = new AbortController();
  const fetches = new InFlightFetches(tools, target, { stop, pages });
  return { fetches, started, grant, token };
}

describe('a fetch with a token', () => {
  it('that has ended is sent again: the first time without using an attempt', async () => {
    const { fetches, started, grant, token } = await startWithToken();
    fetches.start(fetchOf(1), grant);
    expect(started[0]?.request.headers).toMatchObject({ authorization: 'Bearer t1' });
    started[0]?.listener.onResult(refusal());
    expect(token.isKnown).toBe(false);
    const [again] = fetches.returned;
    expect(again).toMatchObject({ index: 1, attempts: 0, reason: { code: 'HTTP_401' } });
    fetches.start({ ...fetchOf(1), ...again }, grant);
    started[1]?.listener.onResult(refusal());
    expect(fetches.returned[1]).toMatchObject({ index: 1, attempts: 1 });
    // Three attempts is all that the batch gives.
    fetches.start({ ...fetchOf(1), ...again, attempts: 2 }, grant);
    started[2]?.listener.onResult(refusal());
    expect(fetches.returned).toHaveLength(2);
    await fetches.allEnded();
  });

  it('does not blame it for the 401 of another origin, nor of a fresh one', async () => {
    const { fetches, started, grant, token } = await startWithToken();
    fetches.start(fetchOf(1), grant);
    started[0]?.listener.onResult({ ...refusal(), finalUrl: 'http://other.example/' });
    expect(token.isKnown).toBe(true);
    expect(fetches.returned).toEqual([]);
    await fetches.allEnded();
  });
});
