import { mkdir, writeFile } from 'node:fs/promises';
import {
  eventually,
  installLeakGuard,
  type PrivatePostgres,
  startPostgres,
  startProcess,
} from '@fetchfleet/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Project } from '../../cli-fixture.ts';

const BATCH = 'test-20261123-0017-k3f9';

let postgres: PrivatePostgres;
let project: Project;

beforeAll(async () => {
  postgres = await startPostgres();
});
beforeEach(async () => {
  project = await Project.create();
});
afterEach(async () => {
  await project.remove();
});
installLeakGuard();

const line = (index: number): string =>
  `{"batch":"${BATCH}","index":${index},"params":{"n":"${index}"},"url":"http://127.0.0.1:9/${index}","outcome":"ok","status":200,` +
  `"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":2,"worker":"w-1","body":{"id":1.10}}\n`;

async function layOut(count: number): Promise<void> {
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = { batch: BATCH, name: 'test', total: count, params: ['n'], url: '' };
  const lines = Array.from({ length: count }, (_, index) => line(index));
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1.ndjson'), lines.join(''));
}

/** What psql prints. */
async function psql(sql: string): Promise<string> {
  const running = await startProcess('psql', [postgres.url, '-At', '-c', sql]);
  await running.exit;
  return running.stdout + running.stderr;
}

/** Whether one connection is as described. */
async function waiting(query: string): Promise<boolean> {
  return (await psql(`SELECT count(*) FROM pg_stat_activity WHERE ${query}`)).startsWith('1');
}

describe('export --to postgres://…', () => {
  it('writes the records, and changes nothing the second time; the password is a variable', async () => {
    await layOut(3);
    const { hostname, port, username } = new URL(postgres.url);
    const to = `postgres://${username}@${hostname}:${port}/postgres`;
    const env = { PGPASSWORD: postgres.password };
    const first = await project.run(['export', BATCH, '--to', to], env);
    expect(first).toEqual({
      code: 0,
      stdout: '',
      stderr: `Wrote 3 records to table fetches of ${to}: 3 new, 0 better than before, 0 unchanged\n`,
    });
    const second = await project.run(['export', BATCH, '--to', to, '--json', '-q'], env);
    expect([second.code, second.stderr, JSON.parse(second.stdout)]).toEqual([
      0,
      '',
      {
        batch: BATCH,
        format: 'postgres',
        table: 'fetches',
        database: to,
        written: 3,
        rows: 3,
        leftOut: 0,
        unchanged: 0,
        missingBodies: [],
        withoutList: 0,
        missing: 0,
        skippedLines: 0,
        skippedParts: [],
        inserted: 0,
        updated: 0,
      },
    ]);
    expect(await psql('SELECT index, page, body FROM fetches ORDER BY index')).toBe(
      '0|1|{"id":1.10}\n1|1|{"id":1.10}\n2|1|{"id":1.10}\n',
    );
    const chosen = ['--select', '$.id', '--outcome', 'ok', '--table', 'ids'];
    expect(await project.run(['export', BATCH, '--to', to, ...chosen], env)).toMatchObject({
      code: 0,
    });
    expect(await psql('SELECT DISTINCT body::text FROM ids')).toBe('1.10\n');
  });

  it('leaves no row when a signal ends it', async () => {
    await layOut(200_000);
    const running = await project.start(['export', BATCH, '--to', postgres.url, '--table', 'half']);
    await eventually(async () =>
      (await psql("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^COPY'")).startsWith('1'),
    );
    expect(await running.kill('SIGTERM')).toMatchObject({ code: 130 });
    expect(await psql("SELECT to_regclass('half') IS NULL")).toBe('t\n');
  });

  it('does not wait for a database that does not answer when a signal ends it', async () => {
    await layOut(1);
    const args = ['export', BATCH, '--to', postgres.url, '--table', 'busy'];
    expect(await project.run(args)).toMatchObject({ code: 0 });
    const blocking = await startProcess('psql', [
      postgres.url,
      '-c',
      'BEGIN; LOCK TABLE busy; SELECT pg_sleep(3600)',
    ]);
    await eventually(async () => waiting("query ~ '^BEGIN; LOCK' AND wait_event = 'PgSleep'"));
    const running = await project.start(args);
    await eventually(async () =>
      waiting("application_name = 'fetchfleet' AND wait_event_type = 'Lock'"),
    );
    expect(await running.kill('SIGINT')).toMatchObject({ code: 130 });
    await blocking.kill();
  });

  it('ends with 3 if the database cannot be reached, and shows no password', async () => {
    await layOut(1);
    const wrong = postgres.url.replace(/:[^:@]+@/u, ':wr0ng@');
    const refused = await project.run(['export', BATCH, '--to', wrong]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(
      /^error: the database postgres:\/\/fleet@127\.0\.0\.1:\d+\/postgres cannot be reached: it refuses this user or password/u,
    );
    expect(refused.stderr).not.toContain('wr0ng');
  });

  it('ends with 2 if something else is asked for as well', async () => {
    await layOut(1);
    const both = ['--format', 'csv', '-o', 'x', '--explode', '$', '--fields', 'index'];
    both.push('--csv-safe', '--integers', 'n');
    const { code, stderr } = await project.call([
      'export',
      BATCH,
      '--to',
      'postgres://x/y',
      ...both,
    ]);
    expect([code, stderr.match(/^error: --to and --[\w-]+ exclude each other/gmu)?.length]).toEqual(
      [2, 6],
    );
    const alone = await project.call(['export', BATCH, '--table', 'x']);
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('add --to')]);
    const other = await project.call(['export', BATCH, '--to', 'mysql://me:secret@x/y']);
    expect([other.code, other.stderr]).toEqual([
      2,
      'error: a database is named by postgres://USER@HOST/DATABASE\n',
    ]);
  });
});
