import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { openStore } from '@fetchfleet/results';
import { closeAfterEach, eventually, startPostgres, startProcess } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../api/schemas.ts';
import { recordLine } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';

closeAfterEach();

function line(index: number): string {
  const body = { bytes: Buffer.from('{}'), contentType: 'text/plain' };
  return recordLine({ batch: 'one', index }, body).trimEnd();
}

describe('records in PostgreSQL', () => {
  it('are copied, shown, and removed when the server ends', async () => {
    const postgres = await startPostgres();
    const store = await openStore(postgres.url, { env: {}, cwd: '/' });
    const sink = store.sink({
      worker: 'w-1',
      manifest: async (batch) => ({
        batch,
        name: 'test',
        total: 3,
        params: ['n'],
        url: 'http://origin.example/{n}',
        createdAt: '2026-11-28T06:00:00.000Z',
      }),
    });
    await sink.start();
    await sink.append('one', [line(1), line(0)]);
    await sink.stop();
    const web = await Web.start(['--results', postgres.url]);
    await eventually(async () => {
      const { document } = await web.json('/api/batches/one/records');
      const { records, source } = SCHEMAS.RecordsDocument.parse(document);
      expect([source.kind, records.map(({ index }) => index)]).toEqual(['copied', [0, 1]]);
      expect(source.location).not.toContain(postgres.password);
    });
    expect((await web.ask('/api/batches/one/records/1/body')).text).toBe('{}');
    expect(await copiesOf(process.pid)).toHaveLength(1);
    await web.stop();
    expect(await copiesOf(process.pid)).toEqual([]);
  });
});

describe('a copy that a killed server has left', () => {
  it('is removed when the next one starts', async () => {
    const gone = await startProcess('node', ['-e', '']);
    await gone.exit;
    const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
    const left = await mkdtemp(join(tmpdir(), `fetchfleet-copy-${machine}-${gone.pid}-`));
    const web = await Web.start();
    expect(existsSync(left)).toBe(false);
    await web.stop();
    await rm(left, { recursive: true, force: true });
  });
});

async function copiesOf(pid: number): Promise<string[]> {
  const names = await readdir(tmpdir());
  return names.filter((name) => name.startsWith('fetchfleet-copy-') && name.includes(`-${pid}-`));
}
