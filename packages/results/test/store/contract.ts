import { Writable } from 'node:stream';
import { codeOf as codeIn } from '@fetchfleet/crawl';
import { exportBatch, type Manifest, type ResultsStore, type Sink } from '@fetchfleet/results';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { manifestOf, recordLine } from '../record-lines.ts';

/** A place that can be damaged. */
export interface Place {
  /** Another store of the same place, as another process would open it. */
  open(): Promise<ResultsStore>;
  /** Appends fail until {@link mend}. */
  damage(): Promise<void>;
  mend(): Promise<void>;
  /** Another, empty place stands where it was. */
  replace(): Promise<void>;
  /** Puts something among the records of a batch that no worker has written. */
  addForeign(batch: string): Promise<void>;
  stop(): Promise<void>;
}

const TOTAL = 5;
let batches = 0;

const manifest = async (id: string): Promise<Manifest> => ({ ...manifestOf(TOTAL), batch: id });

/** What holds for every place of records. */
export function describeStore(name: string, make: () => Promise<Place>): void {
  describe(`${name}, as every store`, () => {
    let place: Place;
    let sinks: Sink[] = [];
    let batch = '';
    beforeAll(async () => {
      place = await make();
    });
    afterEach(async () => {
      await Promise.all(sinks.map(async (sink) => sink.stop()));
      sinks = [];
    });
    afterAll(async () => place.stop());

    const line = (index: number, fields: object = {}): string =>
      recordLine({ index, batch, ...fields });
    const nextBatch = (): void => {
      batches += 1;
      batch = `contract-20261123-0017-${String(batches).padStart(4, '0')}`;
    };
    const startSink = async (worker = 'w-1'): Promise<Sink> => {
      nextBatch();
      const store = await place.open();
      const sink = store.sink({ worker, manifest });
      await sink.start();
      sinks.push(sink);
      return sink;
    };
    const read = async (): Promise<{ readonly lines: string[]; readonly missing: number }> => {
      const store = await place.open();
      await using copy = await store.checkOut(batch);
      return await readAll(copy.dirs, batch);
    };

    it('has all lines and the manifest when an append resolves', async () => {
      const sink = await startSink();
      await sink.append(batch, [line(1, { body: '{"n":1.50}' }), line(0)]);
      const store = await place.open();
      expect(await store.manifest(batch)).toEqual(await manifest(batch));
      expect(await store.batches()).toContain(batch);
      expect((await store.measure(batch))?.bytes).toBeGreaterThan(0);
      expect(await read()).toEqual({
        lines: [line(0), line(1, { body: '{"n":1.50}' })],
        missing: TOTAL - 2,
      });
    });

    it('has every record once, the best one, whoever wrote it', async () => {
      const one = await startSink('w-1');
      const store = await place.open();
      const two = store.sink({ worker: 'w-2', manifest });
      await two.start();
      sinks.push(two);
      const failed = line(0, { outcome: 'http-error', startedAt: '2026-11-23T00:18:00.000Z' });
      await two.append(batch, [line(0), line(1)]);
      await one.append(batch, [failed, line(1, { startedAt: '2026-11-23T00:18:00.000Z' })]);
      await one.append(batch, [line(2), line(2)]);
      expect((await read()).lines).toEqual([
        line(0),
        line(1, { startedAt: '2026-11-23T00:18:00.000Z' }),
        line(2),
      ]);
    });

    it('has all lines of appends that come at once', async () => {
      const sink = await startSink();
      const indexes = Array.from({ length: 5 }, (_, index) => index);
      await Promise.all(indexes.map(async (index) => sink.append(batch, [line(index)])));
      expect((await read()).lines).toEqual(indexes.map((index) => line(index)));
    });

    it('acknowledges nothing while it is damaged, and has it all afterwards', async () => {
      const sink = await startSink();
      await sink.append(batch, [line(0)]);
      await place.damage();
      await expect(sink.append(batch, [line(1)])).rejects.toMatchObject({
        name: 'SinkError',
        code: 'SINK_UNWRITABLE',
      });
      await place.mend();
      await sink.append(batch, [line(1)]);
      expect((await read()).lines).toEqual([line(0), line(1)]);
    });

    it('is examined, and nothing of that stays', async () => {
      nextBatch();
      const store = await place.open();
      const sink = await startSink();
      const examined = await store.examine();
      expect(examined).toEqual({ id: sink.id, writeMs: expect.any(Number) });
      const before = await store.batches();
      await store.examine();
      expect(await store.batches()).toEqual(before);
      await place.damage();
      await expect(store.examine()).rejects.toThrow(/cannot (?:write|remove)/u);
      await place.mend();
    });

    it('says while it is damaged that nothing can be written', async () => {
      nextBatch();
      const store = await place.open();
      await store.probe();
      await place.damage();
      await expect(store.probe()).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
      await place.mend();
      await store.probe();
    });

    it('ends appends when it stops, and rejects later ones', async () => {
      const sink = await startSink();
      const waiting = Promise.all([sink.append(batch, [line(0)]), sink.append(batch, [line(1)])]);
      await Promise.all([sink.stop(), sink.stop()]);
      await waiting;
      await expect(sink.append(batch, [line(2)])).rejects.toThrow('the sink is stopped');
      expect((await read()).lines).toEqual([line(0), line(1)]);
    });

    it('asks for the manifest until its total is known', async () => {
      nextBatch();
      let total = 0;
      const store = await place.open();
      const sink = store.sink({
        worker: 'w-1',
        manifest: async (id) => ({ ...(await manifest(id)), total }),
      });
      await sink.start();
      sinks.push(sink);
      await sink.append(batch, [line(0)]);
      expect(await store.manifest(batch)).toMatchObject({ total: 0 });
      total = TOTAL;
      for (let index = 1; (await store.manifest(batch))?.total !== TOTAL; index += 1) {
        await sink.append(batch, [line(index % TOTAL)]);
      }
    });

    it('checks out nothing that takes more room than its reader has', async () => {
      const sink = await startSink();
      await sink.append(batch, [line(0, { body: JSON.stringify('x'.repeat(9_000)) })]);
      const store = await place.open();
      const codeOf = async (maxBytes: number): Promise<string> =>
        store.checkOut(batch, { maxBytes }).then(
          async (copy) => {
            const isCopied = copy.dirs.at(-1) !== store.location;
            await copy[Symbol.asyncDispose]();
            return isCopied ? 'copied' : 'in place';
          },
          (error: unknown) => codeIn(error) ?? 'unknown',
        );
      const found = [await codeOf(1e6), await codeOf(5_000)];
      expect([
        ['copied', 'COPY_TOO_LARGE'],
        ['in place', 'in place'],
      ]).toContainEqual(found);
    });

    it('removes what workers wrote, and nothing else', async () => {
      const sink = await startSink();
      await sink.append(batch, [line(0)]);
      const store = await place.open();
      expect(await store.remove(batch)).toBeUndefined();
      expect(await store.batches()).not.toContain(batch);
      expect(await store.measure(batch)).toBeUndefined();
      await expect(store.checkOut(batch)).rejects.toMatchObject({ code: 'RESULTS_NOT_FOUND' });
      expect(await store.remove(batch)).toBeUndefined();
    });

    it('reads past what no worker wrote, and keeps it', async () => {
      const sink = await startSink();
      await sink.append(batch, [line(0)]);
      await place.addForeign(batch);
      expect((await read()).lines).toEqual([line(0)]);
      const store = await place.open();
      expect(await store.remove(batch)).toContain('no worker has written');
    });

    it('refuses ids that are none', async () => {
      const sink = await startSink();
      for (const id of ['../b', '', 'a/b', "a'b", 'a\0']) {
        await expect(sink.append(id, [line(0)])).rejects.toMatchObject({
          code: 'RESULTS_INVALID_ID',
        });
      }
      await sink.append(batch, [line(0)]);
    });

    // The last one: the place is another one afterwards.
    it('fails where another place stands instead of its own', async () => {
      const sink = await startSink();
      const { id } = sink;
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      await sink.append(batch, [line(0)]);
      await sink.assertSame();
      await place.replace();
      await expect(sink.assertSame()).rejects.toMatchObject({ code: 'SINK_UNWRITABLE' });
      await expect(sink.append(batch, [line(1)])).rejects.toMatchObject({
        code: 'SINK_UNWRITABLE',
      });
      const other = await startSink();
      expect(other.id).not.toBe(id);
    });
  });
}

async function readAll(
  dir: readonly string[],
  batch: string,
): Promise<{ readonly lines: string[]; readonly missing: number }> {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const { missing } = await exportBatch({ dir, batch, format: 'ndjson', out });
  return { lines: Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1), missing };
}
