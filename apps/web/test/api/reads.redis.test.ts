import { Ledger, Origins, ScheduleStore } from '@fetchfleet/fleet';
import { closeAfterEach, eventually } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { ZodType } from 'zod';
import { aliveWorker, registration, runningBatch, writeRecord } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';
import { SCHEMAS } from './schemas.ts';

closeAfterEach();

async function document<T>(web: Web, path: string, schema: ZodType<T>): Promise<T> {
  const reply = await web.json(path);
  expect([path, reply.status]).toEqual([path, 200]);
  return schema.parse(reply.document);
}

describe('what the server answers', () => {
  it('has the form that openapi.json says, in an empty fleet', async () => {
    const web = await Web.start();
    const overview = await document(web, '/api/overview', SCHEMAS.OverviewDocument);
    expect(overview).toMatchObject({ health: 'ok', healthText: 'everything works', workers: 0 });
    expect(overview).toMatchObject({ failedShare: null, underWayTotal: 0, oldestPendingMs: 0 });
    await document(web, '/api/fleet', SCHEMAS.FleetDocument);
    await document(web, '/api/batches', SCHEMAS.BatchesDocument);
    await document(web, '/api/origins', SCHEMAS.OriginsDocument);
    await document(web, '/api/workers', SCHEMAS.WorkersDocument);
    await document(web, '/api/schedules', SCHEMAS.SchedulesDocument);
  });

  it('has it in a fleet that works', async () => {
    const web = await Web.start();
    const { redis, keys } = web;
    await runningBatch(web, 'one', { total: 10, ok: 3, failed: 1 });
    await aliveWorker(web);
    await new Origins(redis, keys).set('https://api.example', { concurrency: 2 });
    const spec = { source: '', cron: '@daily', tz: 'UTC', overlap: 'skip', catchUpMs: 0 } as const;
    const { crawl } = registration('x', 1);
    const store = new ScheduleStore(redis, keys);
    await store.put('nightly', { ...spec, crawl });
    const { key = '' } = (await store.runNow('nightly')) ?? {};
    await store.conclude('nightly', key, { state: 'started' });
    await writeRecord(web, { batch: 'one', index: 0 }, { body: { bytes: Buffer.from('{}') } });
    const failed = {
      outcome: 'timeout',
      error: { code: 'FETCH_TIMEOUT', message: 'late' },
    } as const;
    await writeRecord(web, { batch: 'one', index: 3, ...failed });

    const overview = await document(web, '/api/overview', SCHEMAS.OverviewDocument);
    expect(overview).toMatchObject({ workers: 1, inFlight: 7, capacity: 50, underWayTotal: 1 });
    expect(overview.underWay).toMatchObject([{ batch: 'one', settled: 4, failed: 1 }]);
    const { batches, total } = await document(web, '/api/batches', SCHEMAS.BatchesDocument);
    expect([total, batches]).toMatchObject([1, [{ batch: 'one', state: 'running' }]]);
    const detail = await document(web, '/api/batches/one', SCHEMAS.BatchDetail);
    expect(detail.latency).toEqual([{ upToMs: 20, count: 2 }]);
    expect(detail.events.map(({ text }) => text)).toEqual([
      'enqueued',
      'a worker took its first slice',
    ]);
    const { slices } = await document(web, '/api/batches/one/slices', SCHEMAS.SlicesDocument);
    expect(slices).toEqual([]);
    const { origins } = await document(web, '/api/origins', SCHEMAS.OriginsDocument);
    expect(origins).toMatchObject([{ origin: 'https://api.example', concurrency: { limit: 2 } }]);
    const one = await document(web, '/api/origins/https%3A%2F%2Fapi.example', SCHEMAS.OriginDetail);
    const { lastHour, ...listed } = origins[0] ?? {};
    expect(lastHour?.ended).toHaveLength(12);
    expect(one).toMatchObject({
      origin: listed,
      events: [{ text: 'limits set: 2 in flight' }],
    });
    const { workers } = await document(web, '/api/workers', SCHEMAS.WorkersDocument);
    expect(workers).toMatchObject([{ id: 'w-1', memoryBytes: 1_000_000, eventLoopLagMs: 2.5 }]);
    const { schedules } = await document(web, '/api/schedules', SCHEMAS.SchedulesDocument);
    const run = { kind: 'manual', state: 'started', removed: true }; // its batch was never enqueued
    expect(schedules).toMatchObject([{ id: 'nightly', name: 'test', runs: [run] }]);
    const { records } = await document(web, '/api/batches/one/records', SCHEMAS.RecordsDocument);
    expect(records.map(({ index }) => index)).toEqual([0, 3]);
    await document(web, '/api/batches/one/records/3', SCHEMAS.RecordDetail);
    const failures = await document(web, '/api/batches/one/failures', SCHEMAS.FailuresDocument);
    expect(failures.groups).toMatchObject([
      { origin: 'http://origin.example', reason: 'FETCH_TIMEOUT', count: 1 },
    ]);
  });

  it('pages through batches, and filters them by state and name', async () => {
    const web = await Web.start();
    const ledger = new Ledger(web.redis, web.keys);
    for (const [at, id] of ['a-1', 'b-1', 'a-2', 'b-2', 'a-3'].entries()) {
      await ledger.register(registration(id, 1));
      // They were registered within a millisecond.
      await web.redis.zadd(web.keys.home.batches, at, id);
    }
    await ledger.cancel('a-1');
    await ledger.pause('a-2');
    const list = async (query: string) => {
      const page = await document(web, `/api/batches?${query}`, SCHEMAS.BatchesDocument);
      return [page.batches.map(({ batch }) => batch), page.total, page.next];
    };
    expect(await list('limit=2')).toEqual([['a-3', 'b-2'], 5, 'b-2']);
    expect(await list('limit=2&before=b-2')).toEqual([['a-2', 'b-1'], 5, 'b-1']);
    expect(await list('limit=2&before=b-1')).toEqual([['a-1'], 5, null]);
    expect(await list('name=a-')).toEqual([['a-3', 'a-2', 'a-1'], 3, null]);
    expect(await list('state=cancelled,paused')).toEqual([['a-2', 'a-1'], 2, null]);
    await ledger.cancel('b-1');
    await eventually(async () => {
      expect(await list('state=cancelled&name=b')).toEqual([['b-1'], 1, null]);
    });
  });

  it('refuses what is no query, and says what is', async () => {
    const web = await Web.start();
    const wrong: [string, string][] = [
      ['/api/batches?state=gone', 'QUERY_UNFIT'],
      ['/api/batches?limit=0', 'QUERY_UNFIT'],
      ['/api/batches?limit=1e3', 'QUERY_UNFIT'],
      ['/api/batches?before=../x', 'QUERY_UNFIT'],
      [`/api/batches?name=${'x'.repeat(300)}`, 'QUERY_UNFIT'],
      ['/api/batches/..%2f..%2fetc', 'QUERY_UNFIT'],
      ['/api/batches/UPPER', 'QUERY_UNFIT'],
      ['/api/batches/one/records?status=abc', 'QUERY_UNFIT'],
      ['/api/batches/one/records?outcome=fine', 'QUERY_UNFIT'],
      ['/api/batches/one/records?origin=file:///etc', 'QUERY_UNFIT'],
      ['/api/batches/one/records?from=x', 'QUERY_UNFIT'],
      ['/api/batches/one/records?index=5-x', 'QUERY_UNFIT'],
      [`/api/batches/one/records?index=${'1,'.repeat(51)}`, 'QUERY_UNFIT'],
      ['/api/batches/one/records/-1', 'QUERY_UNFIT'],
      ['/api/batches/one/export?format=exe', 'QUERY_UNFIT'],
      ['/api/events?view=secrets', 'QUERY_UNFIT'],
      ['/api/events?view=batch:..', 'QUERY_UNFIT'],
      ['/api/batches/none', 'BATCH_UNKNOWN'],
      ['/api/batches/none/failures', 'BATCH_UNKNOWN'],
      ['/api/batches/none/records', 'RESULTS_NOT_FOUND'],
      ['/api/origins/ftp%3A%2F%2Fa.example', 'QUERY_UNFIT'],
      ['/api/origins/https%3A%2F%2Fa.example%2F..', 'QUERY_UNFIT'],
      ['/api/events?view=origin:a.example', 'QUERY_UNFIT'],
      ['/api/origins/https%3A%2F%2Fa.example', 'ORIGIN_UNKNOWN'],
      ['/api/none', 'NOT_FOUND'],
    ];
    for (const [path, code] of wrong) {
      const { document: found } = await web.json(path);
      expect([path, SCHEMAS.ErrorDocument.parse(found).code]).toEqual([path, code]);
    }
  });

  it('shows the rest where something in Redis is not what a fleet stores', async () => {
    const web = await Web.start();
    await runningBatch(web, 'one', { total: 1, ok: 0, failed: 0 });
    await runningBatch(web, 'two', { total: 1, ok: 0, failed: 0 });
    await web.redis.hset(web.keys.batch('two'), 'total', '<script>');
    await web.redis.zadd(web.keys.home.batches, 1, '<img src=x>');
    await web.redis.lpush(web.keys.history, 'x');
    await web.redis.sadd(web.keys.home.schedules, 'Not A Name');
    const { underWay } = await document(web, '/api/overview', SCHEMAS.OverviewDocument);
    expect(underWay.map(({ batch }) => batch)).toEqual(['one']);
    const { status, document: found } = await web.json('/api/batches/two');
    expect([status, found.code]).toEqual([500, 'STORED_STATE_INVALID']);
  });

  it('tell batches apart that nobody works on, where nobody else can', async () => {
    const [own, shared] = await Promise.all([Web.start(['--private-redis']), Web.start()]);
    for (const web of [own, shared]) {
      await runningBatch(web, 'one', { total: 10, ok: 1, failed: 0 });
    }
    const [ofOwn, ofShared] = await Promise.all(
      [own, shared].map(async (web) => web.json('/api/batches')),
    );
    expect(ofOwn?.document.batches).toMatchObject([{ state: 'running', interrupted: true }]);
    expect(ofShared?.document.batches).toMatchObject([{ interrupted: false }]);
    const detail = await own.json('/api/batches/one');
    expect(detail.document).toMatchObject({ batch: { interrupted: true } });
  });
});
