import type { FetchRecord } from '@fetchfleet/crawl';
import { exportRows, type RowsOptions } from '@fetchfleet/results';
import {
  DatabaseError,
  DatabaseUnfitError,
  type PostgresCounts,
  PostgresExport,
} from '@fetchfleet/results/postgres';
import {
  eventually,
  installLeakGuard,
  type PrivatePostgres,
  startPostgres,
  temporaryFolder,
  type TemporaryFolder,
} from '@fetchfleet/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { BATCH, layOut, manifestOf, recordLine } from '../record-lines.ts';

let postgres: PrivatePostgres;
let folder: TemporaryFolder;
let table = '';
let tables = 0;

beforeAll(async () => {
  postgres = await startPostgres();
});
beforeEach(async () => {
  folder = await temporaryFolder('postgres-export');
  table = `fetches_${tables}`;
  tables += 1;
});
afterEach(async () => {
  await folder.remove();
});
installLeakGuard();

type Rows = readonly Readonly<Record<string, unknown>>[];

async function query(sql: string): Promise<Rows> {
  const client = new Client(postgres.url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

interface Choice extends Partial<RowsOptions> {
  readonly url?: string;
  readonly total?: number;
}

async function exportLines(
  lines: readonly string[],
  { url = postgres.url, total = lines.length, ...choice }: Choice = {},
): Promise<PostgresCounts> {
  await layOut(folder.path, manifestOf(total), { 'a-1': lines.map((one) => `${one}\n`).join('') });
  const sink = new PostgresExport({ url, table, env: {} });
  try {
    await sink.start();
    await exportRows({ dir: folder.path, batch: BATCH, open: () => sink, ...choice });
    return sink.counts;
  } finally {
    await sink.stop();
  }
}

const DIGITS =
  '{"id":9007199254740993,"price":1.10,"big":1e400,"nul":"\\u0000","b":1,"a":"\\ud800"}';

function at(second: number): string {
  return `2026-11-23T00:00:0${second}.000Z`;
}

async function versions(): Promise<Rows> {
  return query(`SELECT index, xmin::text, outcome, started_at FROM ${table} ORDER BY index`);
}

/** A record with everything that a record can have. */
function fullLine(): string {
  const line = recordLine({
    index: 0,
    params: { country: 'a\tb\\n\n\r"ü"🙂', nul: '\u0000' },
    url: 'http://a.example/\\N',
    body: DIGITS,
  });
  return line
    .replace('"params"', '"page":2,"end":"no-next","params"')
    .replace('"attempts"', '"method":"POST","attempts"')
    .replace(
      ',"body"',
      ',"finalUrl":"http://b.example/","headers":{"etag":"x"},"charset":"latin1","body"',
    );
}

/** The pages of a fetch, the last one with its end. */
function pages(index: number, second: number, last: number): string[] {
  return Array.from({ length: last }, (_, page) =>
    recordLine({ index, startedAt: at(second) }).replace(
      '"params"',
      `"page":${page + 1},${page + 1 === last ? '"end":"empty",' : ''}"params"`,
    ),
  );
}

async function pagesLeft(): Promise<Rows> {
  return query(
    `SELECT index, max(page), count(*)::int FROM ${table} GROUP BY index ORDER BY index`,
  );
}

describe('PostgreSQL', () => {
  it('gets every value of a record, with its digits', async () => {
    const line = fullLine();
    expect(await exportLines([line])).toEqual({ inserted: 1, updated: 0 });
    const [row] = await query(
      `SELECT *, body::text AS json, params::text AS parameters, headers::text AS kept,
              extract(epoch FROM started_at)::text AS started FROM ${table}`,
    );
    const record = JSON.parse(line) as FetchRecord;
    expect(row).toMatchObject({
      batch: BATCH,
      index: '0',
      page: 2,
      page_end: 'no-next',
      method: 'POST',
      parameters: JSON.stringify(record.params),
      url: record.url,
      outcome: 'ok',
      status: 200,
      attempts: 1,
      started: '1795393024.120000',
      duration_ms: 103.2,
      bytes: '1223',
      content_type: 'application/json',
      worker: 'w-7c1e',
      final_url: 'http://b.example/',
      kept: '{"etag":"x"}',
      error_code: null,
      error_message: null,
      charset: 'latin1',
      body_encoding: null,
      json: DIGITS,
      body_text: null,
      body_bytes: null,
    });
    // PostgreSQL takes no value out of a text with a NUL or half a pair of surrogates.
    await exportLines([recordLine({ index: 0, body: '{"id":9007199254740993}' })]);
    expect(await query(`SELECT body->>'id' AS id FROM ${table} WHERE page = 1`)).toEqual([
      { id: '9007199254740993' },
    ]);
  });

  it('keeps bodies by what they are; a text with a NUL as bytes', async () => {
    const text = 'a\tb\n\\N\r"ü"';
    await exportLines([
      recordLine({ index: 0, body: JSON.stringify(text), bodyEncoding: 'text' }),
      recordLine({ index: 1, body: '"a\\u0000ü"', bodyEncoding: 'text' }),
      recordLine({ index: 2, body: '"AP8="', bodyEncoding: 'base64' }),
      recordLine({ index: 3, body: '""', bodyEncoding: 'text' }),
      recordLine({ index: 4, outcome: 'timeout' }).replace('it said', 'it\\u0000said'),
      recordLine({ index: 5, body: `${'['.repeat(5_000)}${']'.repeat(5_000)}` }),
    ]);
    const rows = await query(
      `SELECT body_encoding, body_text, body_bytes, body IS NULL AS none, error_message
       FROM ${table} ORDER BY index`,
    );
    const none = { body_text: null, body_bytes: null, none: true, error_message: null };
    expect(rows).toEqual([
      { ...none, body_encoding: 'text', body_text: text },
      { ...none, body_encoding: 'text', body_bytes: Buffer.from('a\u0000ü') },
      { ...none, body_encoding: 'base64', body_bytes: Buffer.from([0, 255]) },
      { ...none, body_encoding: 'text', body_text: '' },
      { ...none, body_encoding: null, error_message: 'it\ufffdsaid "no"' },
      { ...none, body_encoding: null, none: false },
    ]);
  });

  it('changes nothing the second time, and takes better records only', async () => {
    const lines = (second: number, ...outcomes: readonly string[]): string[] =>
      outcomes.map((outcome, index) => recordLine({ index, outcome, startedAt: at(second) }));
    expect(await exportLines(lines(5, 'ok', 'timeout', 'ok'))).toEqual({ inserted: 3, updated: 0 });
    const before = await versions();
    expect(await exportLines(lines(5, 'ok', 'timeout', 'ok'))).toEqual({ inserted: 0, updated: 0 });
    expect(await versions()).toEqual(before);
    // Older ones and failures are worse; a success is better, and so is a later start.
    expect(await exportLines(lines(4, 'ok', 'timeout', 'timeout'))).toMatchObject({ updated: 0 });
    expect(await exportLines(lines(6, 'timeout', 'timeout', 'ok', 'ok'))).toEqual({
      inserted: 1,
      updated: 2,
    });
    expect(await exportLines(lines(1, 'timeout', 'ok', 'timeout'))).toMatchObject({ updated: 1 });
    const found = (await versions()).map(({ outcome, started_at: started }) => [outcome, started]);
    expect(found).toEqual([
      ['ok', new Date(at(5))],
      ['ok', new Date(at(1))],
      ['ok', new Date(at(6))],
      ['ok', new Date(at(6))],
    ]);
  });

  it('keeps no page behind the last one of a fetch that was fetched anew', async () => {
    const other = { index: '1', max: 3, count: 3 };
    await exportLines([...pages(0, 1, 5), ...pages(1, 1, 3)], { total: 2 });
    expect(await pagesLeft()).toEqual([{ index: '0', max: 5, count: 5 }, other]);
    await exportLines(pages(0, 2, 2), { total: 2 });
    expect(await pagesLeft()).toEqual([{ index: '0', max: 2, count: 2 }, other]);
    // Those that were there before change nothing.
    await exportLines(pages(0, 1, 5), { total: 2 });
    expect(await pagesLeft()).toEqual([{ index: '0', max: 2, count: 2 }, other]);
  });

  it('gets more records than one statement takes over', async () => {
    const lines = Array.from({ length: 50_100 }, (_, index) => recordLine({ index }));
    expect(await exportLines(lines)).toEqual({ inserted: 50_100, updated: 0 });
    expect(await query(`SELECT count(*)::int, sum(index)::text FROM ${table}`)).toEqual([
      { count: 50_100, sum: String((50_100 * 50_099) / 2) },
    ]);
  });

  it('gets all records or none', async () => {
    const lines = [recordLine({ index: 0 }), recordLine({ index: 1 }).replace(':200', ':"x"')];
    await expect(exportLines(lines)).rejects.toThrow('status of fetch 1 is not a whole number');
    expect(await query(`SELECT to_regclass('${table}') AS found`)).toEqual([{ found: null }]);
  });

  it('takes the name of a schema, and a table with more columns', async () => {
    await query(`CREATE SCHEMA "Own"`);
    table = 'Own.Fetches';
    await exportLines([recordLine({ index: 0 })]);
    await query('ALTER TABLE "Own"."Fetches" ADD COLUMN noted timestamptz DEFAULT now()');
    expect(await exportLines([recordLine({ index: 0 }), recordLine({ index: 1 })])).toEqual({
      inserted: 1,
      updated: 0,
    });
  });

  it('needs no more rights than the documentation says', async () => {
    const lines = [recordLine({ index: 0, outcome: 'timeout' })];
    await exportLines(lines);
    await query(`CREATE USER few PASSWORD 'few'; REVOKE ALL ON SCHEMA public FROM PUBLIC;
      GRANT USAGE ON SCHEMA public TO few; GRANT INSERT, SELECT, UPDATE, DELETE ON ${table} TO few;
      REVOKE ALL ON DATABASE postgres FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE postgres TO few`);
    const url = postgres.url.replace(/\/\/.*@/u, '//few:few@');
    expect(await exportLines([recordLine({ index: 0 })], { url })).toMatchObject({ updated: 1 });
    expect(await exportLines([fullLine()], { url })).toMatchObject({ inserted: 1 });
    table = 'another';
    const refused = exportLines(lines, { url });
    await expect(refused).rejects.toThrow('permission denied for schema public');
    await expect(refused).rejects.toBeInstanceOf(DatabaseUnfitError);
  });

  it.each([
    [
      'CREATE TABLE $ (batch text)',
      /has no column index; .*has no unique index on \(batch, index, page\)/u,
    ],
    ['CREATE VIEW $ AS SELECT 1', /is no table/u],
    ['ALTER TABLE $ ALTER COLUMN body TYPE jsonb', /body is jsonb, not json\. Name another/u],
    ['TRUNCATE $; ALTER TABLE $ ADD COLUMN mine int NOT NULL', /mine needs a value/u],
    ['ALTER TABLE $ DROP CONSTRAINT $_pkey', /no unique index/u],
  ])('refuses a table after %s', async (statement, message) => {
    if (!statement.startsWith('CREATE')) {
      await exportLines([recordLine({ index: 0 })]);
    }
    await query(statement.replaceAll('$', table));
    const refused = exportLines([recordLine({ index: 0 })]);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(DatabaseUnfitError);
  });

  it('never shows the password', async () => {
    const secret = postgres.password;
    const encoded = encodeURIComponent(secret);
    const wrong = [
      postgres.url.replace(encoded, 'wr0ng'),
      postgres.url.replace(/:\d+\/postgres/u, ':1/postgres'),
      postgres.url.replace('/postgres', '/nothing'),
      postgres.url.replace('postgres://', 'http://'),
      postgres.url.replace(/@.*/u, '@[/x'),
      `${postgres.url}?sslmode=verify-full&password=${encoded}`,
      `${postgres.url}?sslrootcert=/no/file`,
    ];
    for (const url of wrong) {
      const error = await exportLines([], { url }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(
        url.includes('@[') || /^http|sslroot/u.test(url) ? DatabaseUnfitError : DatabaseError,
      );
      const { message } = error as Error;
      expect([
        message.includes(secret),
        message.includes(encoded),
        message.includes('wr0ng'),
      ]).toEqual([false, false, false]);
    }
  });

  it('says so if the server ends the connection, and writes everything the next time', async () => {
    const lines = [recordLine({ index: 0 }), recordLine({ index: 1 })];
    await layOut(folder.path, manifestOf(2), { 'a-1': lines.map((one) => `${one}\n`).join('') });
    const sink = new PostgresExport({ url: postgres.url, table, env: {} });
    await sink.start();
    await postgres.restart();
    const failing = exportRows({ dir: folder.path, batch: BATCH, open: () => sink });
    await expect(failing).rejects.toThrow(
      /^the database postgres:\/\/fleet@127\.0\.0\.1:\d+\/postgres refuses: /u,
    );
    await sink.stop();
    await eventually(async () => (await exportLines(lines)).inserted === 2);
  });

  it.each(['', 'a.b.c', 'a b', 'a"b', 'x'.repeat(64), '1a'])('refuses the table %j', (name) => {
    expect(() => new PostgresExport({ url: postgres.url, table: name, env: {} })).toThrow(
      /is no name of a table/u,
    );
  });
});
