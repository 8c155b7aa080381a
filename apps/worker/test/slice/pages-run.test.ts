import { compilePagination, type FetchResponse, type FetchResult } from '@fetchfleet/crawl';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { ActiveBatch } from '../../src/batch/batches.ts';
import { BatchToken } from '../../src/batch/token.ts';
import { SliceRun } from '../../src/slice/slice-run.ts';
import { batchOf, fetchOf, startTools } from './slice-fixture.ts';

closeAfterEach();

const SLICE = { id: 'b.0', origin: 'http://origin.example', ticket: 7 };

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
    const later = fetchOf(3, { dueAt: Date.now() + 50 });
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
          const deferral = { dueInMs: 30_000, ticket: 9, isRefused: false, deniedForMs: 0 };
          return { kind: 'deferred', ...deferral };
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

  it('takes nothing up again after a record that could not be written', async () => {
    const { tools, started } = startTools({ canRecord: false });
    const running = new SliceRun(tools, pagedBatch(), SLICE).run([fetchOf(1)], signals());
    await eventually(() => started.length === 1);
    started[0]?.listener.onResult(pageOf('/next'));
    expect((await running).fetches).toEqual([fetchOf(1)]);
    expect(started).toHaveLength(1);
  });
});
