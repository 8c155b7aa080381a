import { spawnSync } from 'node:child_process';
import { PostgresStore } from '@fetchfleet/results/postgres';
import { installLeakGuard, type PrivatePostgres, startPostgres } from '@fetchfleet/testing';
import { beforeAll, expect, it } from '@jest/globals';
import { readDocument } from './docs-fixture.ts';

let postgres: PrivatePostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
installLeakGuard();

const BATCH = 'countries-20261123-0017-k3f9';

const LINES = [
  { params: { country: 'norway' }, url: 'https://api.example/norway', outcome: 'ok', status: 200 },
  { params: { country: 'kenya' }, url: 'https://api.example/kenya', outcome: 'ok', status: 200 },
  {
    params: { country: 'atlantis' },
    url: 'https://api.example/atlantis',
    outcome: 'http-error',
    status: 404,
  },
].map((record, index) => {
  const ended = {
    attempts: 1,
    startedAt: `2026-11-23T00:17:0${index}.000Z`,
    durationMs: 98.5,
    bytes: 90,
    worker: 'w-1',
  };
  const rest = [
    { body: [day('2020-03-01', 19), day('2020-03-02', 25)] },
    { body: [day('2020-03-13', 1)] },
    { error: { code: 'HTTP_404', message: 'the origin answered 404' } },
  ][index];
  return JSON.stringify({ batch: BATCH, index, ...record, ...ended, ...rest });
});

function day(date: string, cases: number) {
  return { Date: date, Cases: cases };
}

it('shows statements, and what psql prints for them', async () => {
  const page = await readDocument('docs/postgres.md');
  const examples = [...page.matchAll(/^```sql\n(.*?)^```\n\n```text\n(.*?)^```$/gmsu)];
  expect(examples).toHaveLength(4);
  const sink = new PostgresStore({ url: postgres.url, env: {} }).sink({
    worker: 'w-1',
    manifest: async (batch) => ({
      batch,
      name: 'countries',
      total: 3,
      params: ['country'],
      url: 'https://api.example/{country}',
      createdAt: '2026-11-23T00:17:00.000Z',
    }),
  });
  await sink.start();
  await sink.append(BATCH, LINES);
  await sink.stop();
  for (const [, statement = '', expected] of examples) {
    const { stdout, stderr } = spawnSync('psql', ['-X', '-q', '-d', postgres.url], {
      input: statement,
      encoding: 'utf8',
    });
    // Trailing blanks cannot be seen on the page.
    const printed = `${stderr}${stdout}`.replaceAll(/ +$/gmu, '').replace(/\n\n$/u, '\n');
    expect(printed).toBe(expected);
  }
});
