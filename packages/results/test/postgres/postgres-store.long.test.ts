import { createWriteStream, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportBatch } from '@fetchfleet/results';
import { PostgresStore } from '@fetchfleet/results/postgres';
import { installLeakGuard, type PrivatePostgres, startPostgres } from '@fetchfleet/testing';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BATCH, recordLine } from '../record-lines.ts';
import { anyLines } from './any-lines.ts';
import { linesIn, newDatabase, query, startSink } from './postgres-place.ts';

let postgres: PrivatePostgres;
let url = '';

beforeAll(async () => {
  postgres = await startPostgres();
});
beforeEach(async () => {
  url = await newDatabase(postgres.url);
});
installLeakGuard();

async function write(lines: readonly string[]): Promise<void> {
  const sink = await startSink(url);
  await sink.append(BATCH, lines);
  await sink.stop();
}

function page(index: number, number: number, second: number, end = ''): string {
  return recordLine({ index, startedAt: `2026-11-23T00:17:0${second}.000Z` }).replace(
    '"params"',
    `"page":${number},${end}"params"`,
  );
}

/** Names of the copies of this process. */
function copies(): string[] {
  const own = new RegExp(`^fetchfleet-copy-.*-${process.pid}-`, 'u');
  return readdirSync(tmpdir()).filter((name) => own.test(name));
}

function store(): PostgresStore {
  return new PostgresStore({ url, env: {} });
}

describe('PostgresStore', () => {
  it('gives every line back as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.noShrink(anyLines), async (lines) => {
        await write(lines);
        expect(await linesIn(url).catch(() => [])).toEqual(lines);
        await store().remove(BATCH);
      }),
      { numRuns: 20 },
    );
  });

  it('takes bodies as deep and as large as records have them', async () => {
    const depth = 10_000;
    const lines = [
      recordLine({ index: 0, body: `${'['.repeat(depth)}${']'.repeat(depth)}` }),
      recordLine({ index: 1, body: `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}` }),
      recordLine({ index: 2, body: `["${'\\\\ü'.repeat(1_000_000)}"]` }),
      recordLine({ index: 3, body: `"${'\\n🎉'.repeat(600_000)}"`, bodyEncoding: 'text' }),
      recordLine({ index: 4, body: `"${'\\u0000a'.repeat(199_999)}"`, bodyEncoding: 'text' }),
      recordLine({
        index: 5,
        body: `"${Buffer.alloc(5_000_000, 7).toString('base64')}"`,
        bodyEncoding: 'base64',
      }),
    ];
    await write(lines);
    const found = await linesIn(url);
    // A difference would be too long to show.
    expect(found.map((line, at) => line === lines[at])).toEqual(lines.map(() => true));
  });

  it('has the pages of a fetch in order, without those that became stale', async () => {
    const end = '"end":"empty",';
    await write([page(0, 3, 1, end), page(0, 1, 1), page(0, 2, 1), page(1, 1, 1)]);
    expect(await linesIn(url)).toEqual([
      page(0, 1, 1),
      page(0, 2, 1),
      page(0, 3, 1, end),
      page(1, 1, 1),
    ]);
    await write([page(0, 1, 2), page(0, 2, 2, end)]);
    expect(await linesIn(url)).toEqual([page(0, 1, 2), page(0, 2, 2, end), page(1, 1, 1)]);
  });

  it('shares its table with exports, and reads what they wrote', async () => {
    const lines = [0, 1, 2].map((index) => recordLine({ index, body: `{"n":${index}.50}` }));
    await write(lines.slice(0, 2));
    // As a version wrote it that did not have this column.
    await query(url, 'ALTER TABLE fetches DROP COLUMN record');
    await write(lines.slice(1));
    expect(await linesIn(url)).toEqual(lines);
    expect(await query(url, 'SELECT name, total FROM fetchfleet_batches')).toEqual([
      { name: 'covid', total: '1000000' },
    ]);
  });

  it('measures and removes more rows than one statement does', async () => {
    await write(Array.from({ length: 25_000 }, (_, index) => recordLine({ index })));
    const size = await store().measure(BATCH);
    expect(size?.changedAt).toBe(Date.parse('2026-11-23T00:17:04.120Z'));
    expect(size?.bytes).toBeGreaterThan(25_000 * 100);
    expect(await store().remove(BATCH)).toBeUndefined();
    expect(await query(url, 'SELECT count(*)::int FROM fetches')).toEqual([{ count: 0 }]);
  });

  it('removes for longer than the server may be silent', async () => {
    await write(Array.from({ length: 25_000 }, (_, index) => recordLine({ index })));
    await query(
      url,
      `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
       CREATE TRIGGER wait BEFORE DELETE ON fetches FOR EACH STATEMENT EXECUTE FUNCTION wait()`,
    );
    const slow = new PostgresStore({ url, env: {}, silenceMs: 3_000 });
    expect(await slow.remove(BATCH)).toBeUndefined();
    const impatient = new PostgresStore({ url, env: {}, silenceMs: 500 });
    await write([recordLine({ index: 0 })]);
    await expect(impatient.remove(BATCH)).rejects.toThrow('the server does not answer');
  });

  it('has nothing in a database without tables, and creates none to read', async () => {
    expect(await store().batches()).toEqual([]);
    expect(await store().manifest(BATCH)).toBeUndefined();
    expect(await store().measure(BATCH)).toBeUndefined();
    expect(await store().remove(BATCH)).toBeUndefined();
    await expect(store().checkOut(BATCH)).rejects.toMatchObject({ code: 'RESULTS_NOT_FOUND' });
    expect(await query(url, `SELECT to_regclass('fetches') AS found`)).toEqual([{ found: null }]);
  });

  it('keeps rows of a batch that no worker has written', async () => {
    await write([recordLine({ index: 0 })]);
    await query(url, 'DELETE FROM fetchfleet_batches');
    expect(await store().remove(BATCH)).toContain('no worker has written');
    expect(await linesIn(url)).toHaveLength(1);
  });

  it('removes its copies, also those of processes that are gone', async () => {
    await write([recordLine({ index: 0 })]);
    let dir = '';
    {
      await using copy = await store().checkOut(BATCH);
      [dir = ''] = copy.dirs;
      expect(copies()).toHaveLength(1);
    }
    expect(existsSync(dir)).toBe(false);
    const abandoned = dir.replace(`-${process.pid}-`, '-4999999-');
    mkdirSync(join(abandoned, BATCH), { recursive: true });
    await expect(store().checkOut(BATCH, { signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/u,
    );
    const stop = new AbortController();
    const onProgress = (): void => stop.abort();
    const aborted = store().checkOut(BATCH, { signal: stop.signal, onProgress });
    await expect(aborted).rejects.toThrow(/abort/u);
    expect([copies(), existsSync(abandoned)]).toEqual([[], false]);
  });

  it('needs no more rights than the documentation says', async () => {
    await write([recordLine({ index: 0, outcome: 'timeout' })]);
    const database = new URL(url).pathname.slice(1);
    const text = await readFile(new URL('../../../../docs/postgres.md', import.meta.url), 'utf8');
    const [, statements = ''] = /^```sql\n(CREATE ROLE .*?)^```$/msu.exec(text) ?? [];
    expect(statements).toContain('GRANT TEMPORARY ON DATABASE crawls');
    await query(
      url,
      `REVOKE ALL ON SCHEMA public FROM PUBLIC;
       REVOKE ALL ON DATABASE ${database} FROM PUBLIC;
       ${statements.replaceAll('crawls', database)}
       GRANT CONNECT ON DATABASE ${database} TO worker, reader;
       GRANT USAGE ON SCHEMA public TO worker, reader`,
    );
    const own = url;
    url = own.replace(/\/\/.*@/u, '//worker:few@');
    await write([recordLine({ index: 0 })]);
    await store().probe();
    url = own.replace(/\/\/.*@/u, '//reader:few@');
    expect(await linesIn(url)).toEqual([recordLine({ index: 0 })]);
    await expect(startSink(url)).rejects.toThrow(/permission denied/u);
    await expect(store().probe()).rejects.toThrow(/permission denied/u);
    await expect(store().remove(BATCH)).rejects.toThrow(
      /^cannot remove results in postgres:.*permission denied for table fetches \(42501\)/u,
    );
  });

  it('reads what readers of a folder read', async () => {
    await write([recordLine({ index: 1 }), recordLine({ index: 0 })]);
    await using copy = await store().checkOut(BATCH);
    const { written, missing } = await exportBatch({
      dir: copy.dirs,
      batch: BATCH,
      format: 'csv',
      out: createWriteStream('/dev/null'),
    });
    expect({ written, missing }).toEqual({ written: 2, missing: 999_998 });
  });
});
