import { compilePagination, type FetchResponse, type FetchResult } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { ActiveBatch } from '../../src/batch/batches.ts';
import { BatchToken } from '../../src/batch/token.ts';
import type { Deferral } from '../../src/origin/waiting-slice.ts';
import { SliceRun } from '../../src/slice/slice-run.ts';
import { batchOf, fetchOf, startAll, startTools } from './slice-fixture.ts';

closeAfterEach();

const SLICE = { id: 'b.0', origin: 'http://origin.example', ticket: 7 };
const FAR: Deferral = {
  kind: 'deferred',
  dueInMs: 30_000,
  ticket: 9,
  isRefused: false,
  deniedForMs: 0,
};

function pagedBatch(batch: Partial<ActiveBatch> = {}): ActiveBatch {
  const { plan } = batchOf();
  const pagination = compilePagination({ next: 'link', max: 100 }, plan);
  return batchOf({ pagination, ...batch });
}

let bodies = 0;

/** A page with a body of its own, and a link to the next one. */
function pageOf(next?: string): FetchResult {
  bodies += 1;
  const headers = next === undefined ? {} : { link: `<${next}>; rel=next` };
  const body = Buffer.from(String(bodies));
  return { kind: 'response', status: 200, headers, body, startedAt: 0, durationMs: 1 };
}

function failed(): FetchResponse {
  return {
    kind: 'response',
    status: 500,
    headers: {},
    body: Buffer.alloc(0),
    startedAt: 0,
    durationMs: 1,
  };
}

function signals() {
  const { signal } = new AbortController();
  return { lost: signal, onRobotsRequested: () => undefined, onPermitsRequested: () => undefined };
}

/** A slice whose two fetches have started; it is deferred when it wants to start their pages. */
async function startThenDefer() {
  let isFull = false;
  const { tools, started } = startTools({
    admit: (slice, grant) => (isFull ? FAR : startAll(slice, grant)),
  });
  const run = new SliceRun(tools, pagedBatch(), SLICE);
  const running = run.run([fetchOf(1), fetchOf(2)], signals());
  await eventually(() => started.length === 2);
  isFull = true;
  return { run, running, started };
}

describe('a run of a slice with pages', () => {
  it('asks for the next page when the record of the last one is durable', async () => {
    const { tools, started, records } = startTools();
    const running = new SliceRun(tools, pagedBatch(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(pageOf('/1?page=2'));
    expect(started).toHaveLength(1);
    await eventually(() => started.length === 2);
    expect(records()).toHaveLength(1);
    expect(started[1]?.request.url).toBe('http://origin.example/1?page=2');
    started[1]?.listener.onResult(pageOf());
    expect(await running).toMatchObject({ fetches: [], ticket: 0 });
    expect(records()).toHaveLength(2);
  });

  it('tries a fetch again when its time has come, while pages of others are fetched', async () => {
    const { tools, started } = startTools();
    const plan = { ...batchOf().plan, retry: { attempts: 3, backoffMs: 1 } };
    const later = fetchOf(3, { dueAt: Date.now() + 1_000 });
    const running = new SliceRun(tools, pagedBatch({ plan }), SLICE).run(
      [fetchOf(1), fetchOf(2), later],
      signals(),
    );
    await eventually(() => started.length === 2);
    started[1]?.listener.onResult(failed());
    await eventually(() => started.length === 4);
    const asked = started.map(({ request }) => Number(request.url.at(-1)));
    expect(asked.toSorted((a, b) => a - b)).toEqual([1, 2, 2, 3]);
    for (const { listener } of [started[0], ...started.slice(2)].flatMap((one) => one ?? [])) {
      listener.onResult(pageOf());
    }
    expect(await running).toMatchObject({ fetches: [] });
  });

  it('returns the next page when the worker drains, and counts attempts anew for it', async () => {
    const { tools, started, draining } = startTools();
    const running = new SliceRun(tools, pagedBatch(), SLICE).run(
      [fetchOf(1, { attempts: 2 })],
      signals(),
    );
    await eventually(() => started.length === 1);
    draining.abort();
    started[0]?.listener.onResult(pageOf('/next'));
    const { fetches, dueInMs } = await running;
    expect(fetches).toMatchObject([
      { index: 1, attempts: 0, cursor: { page: 1, next: 'http://origin.example/next' } },
    ]);
    expect([started.length, dueInMs]).toEqual([1, 0]);
  });

  it('returns its pages when it is deferred, and takes a new place in the waitlist', async () => {
    const tickets: number[] = [];
    const { tools, started } = startTools({
      admit: (slice, grant) => {
        tickets.push(slice.ticket);
        if (tickets.length > 1) {
          return FAR;
        }
        slice.start(grant);
        return { kind: 'started' };
      },
    });
    const running = new SliceRun(tools, pagedBatch(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(pageOf('/next'));
    const rest = await running;
    expect(tickets).toEqual([7, 0]);
    expect(rest).toMatchObject({ isDeferred: true, ticket: 9, fetches: [{ cursor: { page: 1 } }] });
    expect(rest.dueInMs).toBeGreaterThan(29_000);
  });

  it('keeps the ticket of its deferral when another page becomes durable after it', async () => {
    const { run, running, started } = await startThenDefer();
    started[0]?.listener.onResult(pageOf('/1?page=2'));
    await eventually(() => run.ticket === 9);
    started[1]?.listener.onResult(pageOf('/2?page=2'));
    const { fetches, ticket, isDeferred } = await running;
    expect({ ticket, isDeferred }).toEqual({ ticket: 9, isDeferred: true });
    expect(fetches.map(({ cursor }) => cursor?.page)).toEqual([1, 1]);
    expect(started).toHaveLength(2);
  });

  it('waits in the waitlist with a page that the origin refuses for long', async () => {
    const { tools, started } = startTools({
      admit: (slice, grant) => (started.length < 2 ? startAll(slice, grant) : FAR),
    });
    const running = new SliceRun(tools, pagedBatch(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(pageOf('/1?page=2'));
    await eventually(() => started.length === 2);
    started[1]?.listener.onResult({ ...failed(), status: 429, headers: { 'retry-after': '20' } });
    expect(await running).toMatchObject({
      isDeferred: true,
      ticket: 9,
      fetches: [{ cursor: { page: 1 }, attempts: 0, dueAt: 0 }],
    });
  });

  it('leaves a refused page its time where others wait, maybe for another origin', async () => {
    const { run, running, started } = await startThenDefer();
    started[1]?.listener.onResult(pageOf('/2?page=2'));
    await eventually(() => run.ticket === 9);
    started[0]?.listener.onResult({ ...failed(), status: 429, headers: { 'retry-after': '20' } });
    const { fetches, isDeferred } = await running;
    expect(isDeferred).toBe(true);
    expect(fetches.map(({ index, dueAt }) => [index, dueAt > Date.now()])).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  it('keeps a page whose turn elsewhere comes after the deferral', async () => {
    const turn = Promise.withResolvers<void>();
    const elsewhere: string[] = [];
    let isFull = false;
    const { tools, started, ended } = startTools({
      admit: async (slice, grant) => {
        if (!slice.isSlice) {
          elsewhere.push(slice.id);
          await turn.promise;
        } else if (isFull) {
          return FAR;
        }
        return startAll(slice, grant);
      },
    });
    const run = new SliceRun(tools, pagedBatch(), SLICE);
    const running = run.run([fetchOf(1), fetchOf(2)], signals());
    await eventually(() => started.length === 2);
    isFull = true;
    started[0]?.listener.onResult(pageOf('http://other.example/1?page=2'));
    await eventually(() => elsewhere.length === 1);
    started[1]?.listener.onResult(pageOf('/2?page=2'));
    await eventually(() => run.ticket === 9);
    turn.resolve();
    const { fetches, dueInMs } = await running;
    expect(fetches.map(({ index, cursor }) => [index, cursor?.page])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    // It would only come back to be deferred again.
    expect(dueInMs).toBeGreaterThan(25_000);
    expect([started.length, ended.length]).toEqual([2, 3]);
  });

  it('goes on behind the cursor that the ledger has', async () => {
    const { tools, started } = startTools();
    const digest = 'AAAAAAAAAAAAAAAA';
    const cursor = { page: 4, next: 'http://origin.example/five', body: digest, seen: digest };
    const running = new SliceRun(tools, pagedBatch(), SLICE).run(
      [fetchOf(1, { cursor })],
      signals(),
    );
    await eventually(() => started.length === 1);
    expect(started[0]?.request.url).toBe('http://origin.example/five');
    started[0]?.listener.onResult(pageOf());
    expect(await running).toMatchObject({ fetches: [] });
  });

  it('waits for another token where its own has ended between two pages', async () => {
    const issued: string[] = [];
    const clock = { now: Date.now() - 60_000 };
    const renewed = Promise.withResolvers<void>();
    const token = new BatchToken(
      async () => {
        if (issued.push(`t${issued.length + 1}`) > 1) {
          await renewed.promise;
        }
        return { kind: 'token', token: issued.at(-1) ?? '', expiresInMs: 600_000 };
      },
      () => clock.now,
    );
    await token.ask();
    clock.now = Date.now();
    const { tools, started } = startTools();
    const running = new SliceRun(tools, pagedBatch({ token }), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(pageOf('/1?page=2'));
    await eventually(() => started.length === 2);
    started[1]?.listener.onResult({ ...failed(), status: 401, startedAt: Date.now() });
    await eventually(() => issued.length === 2);
    expect(started).toHaveLength(2);
    renewed.resolve();
    await eventually(() => started.length === 3);
    expect(started.map(({ request }) => request.headers['authorization'])).toEqual([
      'Bearer t1',
      'Bearer t1',
      'Bearer t2',
    ]);
    started[2]?.listener.onResult(pageOf());
    expect(await running).toMatchObject({ fetches: [] });
  });

  it('tries a fetch again in its time, however long another one hangs', async () => {
    const { tools, started } = startTools();
    const plan = { ...batchOf().plan, retry: { attempts: 3, backoffMs: 1 } };
    const running = new SliceRun(tools, pagedBatch({ plan }), SLICE).run(
      [fetchOf(1), fetchOf(2)],
      signals(),
    );
    await eventually(() => started.length === 2);
    // By then the run waits for whatever comes first.
    await new Promise(setImmediate);
    started[1]?.listener.onResult(failed());
    await eventually(() => started.length === 3);
    expect(started[2]?.request.url).toBe(started[1]?.request.url);
    started[0]?.listener.onResult(pageOf());
    started[2]?.listener.onResult(pageOf());
    expect(await running).toMatchObject({ fetches: [] });
  });

  it('starts no page of others after a record that could not be written', async () => {
    let isLosing = false;
    const lost = Promise.withResolvers<void>();
    const { tools, started } = startTools({
      beforeSettle: async () => {
        if (isLosing) {
          isLosing = false;
          lost.resolve();
          throw new Error('Redis is away');
        }
      },
    });
    const running = new SliceRun(tools, pagedBatch(), SLICE).run(
      [fetchOf(1), fetchOf(2)],
      signals(),
    );
    await eventually(() => started.length === 2);
    isLosing = true;
    started[0]?.listener.onResult(pageOf('/1?page=2'));
    await lost.promise;
    started[1]?.listener.onResult(pageOf('/2?page=2'));
    const { fetches } = await running;
    expect(fetches.map(({ index, cursor }) => [index, cursor?.page])).toEqual([
      [1, undefined],
      [2, 1],
    ]);
    expect(started).toHaveLength(2);
  });

  it('starts nothing more, here or elsewhere, while there is no token', async () => {
    const clock = { now: Date.now() };
    let asked = 0;
    const token = new BatchToken(
      async () => {
        asked += 1;
        return asked === 1
          ? { kind: 'token', token: 't1', expiresInMs: 60_000 }
          : { kind: 'down', dueInMs: 30_000, reason: 'it is down' };
      },
      () => clock.now,
    );
    await token.ask();
    const { tools, started } = startTools();
    const running = new SliceRun(tools, pagedBatch({ token }), SLICE).run(
      [fetchOf(1), fetchOf(2)],
      signals(),
    );
    await eventually(() => started.length === 2);
    clock.now += 60_000;
    started[0]?.listener.onResult(pageOf('/1?page=2'));
    await eventually(() => asked === 2);
    started[1]?.listener.onResult(pageOf('http://other.example/2?page=2'));
    const { fetches, dueInMs } = await running;
    expect(fetches.map(({ cursor }) => cursor?.page)).toEqual([1, 1]);
    expect(dueInMs).toBeGreaterThan(25_000);
    expect(started).toHaveLength(2);
  });

  it('takes nothing up again after a record that could not be written', async () => {
    const { tools, started } = startTools({ canRecord: false });
    const running = new SliceRun(tools, pagedBatch(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(pageOf('/next'));
    expect((await running).fetches).toEqual([fetchOf(1)]);
    expect(started).toHaveLength(1);
  });
});
