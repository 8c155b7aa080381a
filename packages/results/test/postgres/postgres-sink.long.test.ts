import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Sink, SinkError } from '@fetchfleet/results';
import { PostgresStore } from '@fetchfleet/results/postgres';
import {
  eventually,
  installLeakGuard,
  type PrivatePostgres,
  startPostgres,
  startProcess,
} from '@fetchfleet/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { readAddress } from '../../src/postgres/address.ts';
import { PostgresSink } from '../../src/postgres/postgres-sink.ts';
import { BATCH, recordLine } from '../record-lines.ts';
import { linesIn, manifest, newDatabase, openStrait, query, startSink } from './postgres-place.ts';

let postgres: PrivatePostgres;
let url = '';
let sinks: Sink[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
});
beforeEach(async () => {
  url = await newDatabase(postgres.url);
});
afterEach(async () => {
  await Promise.all(sinks.map(async (sink) => sink.stop()));
  sinks = [];
});
installLeakGuard();

async function begin(worker?: string): Promise<Sink> {
  const sink = await startSink(url, worker);
  sinks.push(sink);
  return sink;
}

/** Appends until it works. */
async function insist(sink: Sink, some: readonly string[]): Promise<void> {
  await eventually(async () => sink.append(BATCH, some));
}

/** A chain that started later has its last page earlier. */
function page(index: number, number: number, second: number): string {
  return recordLine({ index, startedAt: `2026-11-23T00:17:0${second}.000Z` }).replace(
    '"params"',
    `"page":${number},${number === 9 - second ? '"end":"empty",' : ''}"params"`,
  );
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, offset) => recordLine({ index: from + offset }));

describe('PostgresSink', () => {
  it('makes its tables once, however many workers start at once', async () => {
    const starting = Array.from({ length: 12 }, async (_, at) => begin(`w-${at}`));
    const all = await Promise.all(starting);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(await query(url, 'SELECT count(*)::int FROM fetchfleet_place')).toEqual([{ count: 1 }]);
  });

  it('never waits in a circle for another one that writes the same records', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, async (_, at) => begin(`w-${at}`)));
    const pages = Array.from({ length: 100 }, (_, at) => [at % 20, 1 + Math.floor(at / 20)]);
    await Promise.all(
      all.map(async (sink, at) => {
        for (let round = 0; round < 40; round += 1) {
          // Some of them, others in each round.
          const some = pages.filter((_, place) => (place * 7 + at * 3 + round) % 11 < 4);
          await sink.append(
            BATCH,
            some.map(([index = 0, number = 0]) => page(index, number, at + 3)),
          );
        }
      }),
    );
    expect(
      await query(
        url,
        `SELECT deadlocks::int FROM pg_stat_database
                             WHERE datname = current_database()`,
      ),
    ).toEqual([{ deadlocks: 0 }]);
    // The last start has its end on page 3.
    expect(await query(url, 'SELECT count(*)::int, max(page) FROM fetches')).toEqual([
      { count: 60, max: 3 },
    ]);
  });

  it('goes on after the server has restarted, without a failure if it is back in time', async () => {
    const sink = await begin();
    await sink.append(BATCH, lines(0, 10));
    await postgres.restart();
    await sink.append(BATCH, lines(10, 20));
    expect(await linesIn(url)).toEqual(lines(0, 20));
  });

  it('loses nothing that it has acknowledged when the server is killed', async () => {
    const sink = await begin();
    let groups = 0;
    const enough = new AbortController();
    const write = async (): Promise<void> => {
      for (; !enough.signal.aborted; groups += 1) {
        await insist(sink, lines(groups * 10, groups * 10 + 10));
      }
    };
    const writing = write();
    for (let at = 0; at < 4; at += 1) {
      const before = groups;
      await eventually(() => groups > before + 20);
      await postgres.restart('SIGKILL');
    }
    enough.abort();
    await writing;
    expect(await linesIn(url)).toEqual(lines(0, groups * 10));
  });

  it('fails while the server does not answer, and goes on when it does', async () => {
    await using strait = await openStrait(url);
    const sink = new PostgresSink({
      address: readAddress(strait.url, {}),
      worker: 'w-1',
      manifest,
      connectTimeoutMs: 300,
      flushTimeoutMs: 300,
    });
    sinks.push(sink);
    // So short a time is not enough on a busy machine.
    await eventually(async () => sink.start());
    await insist(sink, lines(0, 1));
    strait.hold();
    await expect(sink.append(BATCH, lines(1, 2))).rejects.toThrow(
      /^cannot write results to postgres:.*: (?:the server has not answered for|timeout expired)/u,
    );
    await expect(sink.append(BATCH, lines(1, 2))).rejects.toMatchObject({
      code: 'SINK_UNWRITABLE',
    });
    strait.pass();
    await insist(sink, lines(1, 2));
    expect(await linesIn(url)).toEqual(lines(0, 2));
  });

  it('waits for no lock for ever', async () => {
    const sink = new PostgresSink({
      address: readAddress(url, {}),
      worker: 'w-1',
      manifest,
      flushTimeoutMs: 3_000, // a third of it for locks
    });
    sinks.push(sink);
    await sink.start();
    const other = await begin('w-2');
    await other.append(BATCH, lines(0, 1));
    const client = new Client(url);
    await client.connect();
    await client.query('BEGIN; LOCK TABLE fetches');
    await expect(sink.append(BATCH, lines(1, 2))).rejects.toThrow(
      /were locked by others for too long \(55P03\)/u,
    );
    await client.end();
    await insist(sink, lines(1, 2));
  });

  it('has commits on disk before it acknowledges, whatever the database is set to', async () => {
    await begin();
    await query(
      url,
      `CREATE TABLE seen (mode text);
       CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END';
       CREATE TRIGGER note BEFORE INSERT ON fetches FOR EACH ROW EXECUTE FUNCTION note();
       ALTER ROLE fleet SET synchronous_commit = off`,
    );
    const sink = await begin();
    await sink.append(BATCH, lines(0, 1));
    await query(url, 'ALTER ROLE fleet RESET synchronous_commit');
    expect(await query(url, 'SELECT DISTINCT mode FROM seen')).toEqual([{ mode: 'on' }]);
  });

  it.each([
    ['53100', 'the disk of the server is full'],
    ['53200', 'the server is out of memory'],
    ['57P01', 'the server is shutting down'],
    ['42501', 'own words'],
  ])('waits while the server answers %s', async (code, reason) => {
    const sink = await begin();
    await query(
      url,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN RAISE EXCEPTION ''own words'' USING ERRCODE = ''${code}'', DETAIL = NEW.url; END';
       CREATE TRIGGER refuse BEFORE INSERT ON fetches FOR EACH ROW EXECUTE FUNCTION refuse()`,
    );
    const { shown } = readAddress(url, {});
    await expect(sink.append(BATCH, lines(0, 1))).rejects.toThrow(
      new SinkError('write results to', shown, `${reason} (${code})`),
    );
    await query(url, 'DROP TRIGGER refuse ON fetches');
    await insist(sink, lines(0, 1));
    expect(await linesIn(url)).toEqual(lines(0, 1));
  });

  it('writes a record plainly if the database refuses a value of it', async () => {
    const sink = await begin();
    await query(
      url,
      `ALTER TABLE fetches ADD COLUMN n int GENERATED ALWAYS AS ((body->>'n')::int) STORED,
                           ADD COLUMN country text GENERATED ALWAYS AS (params->>'country') STORED`,
    );
    const all = lines(0, 30);
    all[7] = recordLine({ index: 7, body: '{"n":"none"}' });
    all[21] = recordLine({ index: 21, params: { country: '\u0000' }, body: '{"n":1}' });
    all[22] = recordLine({ index: 22, body: '{"n":2}' });
    await sink.append(BATCH, all);
    expect(await linesIn(url)).toEqual(all);
    expect(await query(url, 'SELECT index::int, n FROM fetches WHERE n > 0')).toEqual([
      { index: 22, n: 2 },
    ]);
    expect(await query(url, 'SELECT count(country)::int FROM fetches')).toEqual([{ count: 28 }]);
  });

  it('lets no batch without a manifest keep the others from being written', async () => {
    const store = new PostgresStore({ url, env: {} });
    const sink = store.sink({
      worker: 'w-1',
      manifest: async (batch) => {
        if (batch !== BATCH) {
          throw new Error('batch gone is unknown');
        }
        return manifest(batch);
      },
    });
    sinks.push(sink);
    await sink.start();
    const appends = await Promise.allSettled([
      sink.append(BATCH, lines(0, 1)),
      sink.append('gone', [recordLine({ index: 0, batch: 'gone' })]),
      sink.append(BATCH, lines(1, 2)),
    ]);
    expect(appends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(appends[1]).toMatchObject({ reason: { message: 'batch gone is unknown' } });
    expect(await linesIn(url)).toEqual(lines(0, 2));
  });

  it('refuses a database that cannot hold every text', async () => {
    const name = new URL(url).pathname.slice(1);
    await query(
      postgres.url,
      `CREATE DATABASE ascii_${name} ENCODING 'SQL_ASCII' TEMPLATE template0`,
    );
    url = url.replace(name, `ascii_${name}`);
    await expect(begin()).rejects.toThrow(/the encoding SQL_ASCII, and records need UTF8/u);
  });

  it('goes on when a batch was removed while it ran', async () => {
    const sink = await begin();
    await sink.append(BATCH, lines(0, 1));
    const store = new PostgresStore({ url, env: {} });
    await store.remove(BATCH);
    await sink.append(BATCH, lines(1, 2));
    expect(await store.manifest(BATCH)).toEqual(await manifest(BATCH));
    expect(await linesIn(url)).toEqual(lines(1, 2));
  });

  it.each([
    ['a table that a crash empties', 'ALTER TABLE fetches SET UNLOGGED', /is unlogged/u],
    ['a table of somebody else', 'ALTER TABLE fetches DROP COLUMN url', /it has no column url/u],
    [
      'another kind of thing',
      'DROP TABLE fetches; CREATE VIEW fetches AS SELECT 1',
      /is no table/u,
    ],
  ])('refuses %s', async (_, sql, message) => {
    await begin();
    await query(url, sql);
    await expect(begin()).rejects.toThrow(message);
  });

  it('says in its own words why it fails, and never shows the password', async () => {
    const secret = encodeURIComponent(postgres.password);
    const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const cases: [string, RegExp][] = [
      [url.replace(secret, 'wr0ng'), /: it refuses this user or password \(28P01\)$/u],
      [url.replace(/place_\d+/u, 'nothing'), /: the server has no such database \(3D000\)$/u],
      [url.replace(/:\d+\/place/u, ':1/place'), /: nothing listens there \(ECONNREFUSED\)$/u],
      [url.replace(/:\d+\/place/u, `:${port}/place`), /terminated|connection broke/u],
      [url.replace('127.0.0.1', 'no.such.host.invalid'), /does not resolve/u],
    ];
    for (const [wrong, message] of cases) {
      const store = new PostgresStore({ url: wrong, env: {} });
      const error: unknown = await store.probe().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'SinkError', message: expect.stringMatching(message) });
      const shown = `${String(error)} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
      expect(shown).not.toMatch(/secret|wr0ng/u);
      await expect(store.batches()).rejects.toMatchObject({ code: 'RESULTS_UNREADABLE' });
    }
    silent.close();
  });

  it('loses nothing that it has acknowledged, and doubles nothing, when it is killed', async () => {
    const script = fileURLToPath(new URL('append-to-postgres.ts', import.meta.url));
    const acknowledged: number[] = [];
    for (let at = 0; at < 12; at += 1) {
      const from = String(at * 100_000);
      const args = ['--conditions=@fetchfleet/source', script, url, from];
      const child = await startProcess(process.execPath, args);
      await eventually(() => child.stdout.split('\n').length > 1 + at);
      await child.kill('SIGKILL');
      acknowledged.push(Number(child.stdout.split('\n').at(-2)));
    }
    const rows = await query(
      url,
      'SELECT index / 100000 AS at, max(index)::int AS last, count(*)::int FROM fetches GROUP BY 1 ORDER BY 1',
    );
    expect(rows).toHaveLength(12);
    for (const [at, { last, count }] of rows.entries()) {
      const from = at * 100_000;
      expect(count).toBe(Number(last) + 1 - from);
      // A group is there as a whole, acknowledged or not.
      expect([0, 50]).toContain(Number(last) + 1 - (acknowledged[at] ?? 0));
    }
  });
});
