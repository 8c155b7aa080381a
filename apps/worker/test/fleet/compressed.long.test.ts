import { Writable } from 'node:stream';
import { exportBatch, FolderStore, verifyParts } from '@fetchfleet/results';
import { closeAfterEach } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, settled, setUpFleet } from './fleet-fixture.ts';

closeAfterEach();

const TOTAL = 3_000;
const KILLS = 6;

/** Fetches of a batch, and what an export finds of them. */
async function contentOf(results: string, batch: string) {
  await using copy = await new FolderStore(results).checkOut(batch);
  const out = new Writable({ write: (_chunk, _encoding, done) => done() });
  const { written, missing } = await exportBatch({ dir: copy.dirs, batch, format: 'ndjson', out });
  const { records, foreign } = await verifyParts({ dir: copy.dirs, batch, total: TOTAL });
  return { written, missing, records, foreign };
}

describe('workers with compressed parts that are killed while they write', () => {
  it('lose no record and double none, beside workers that do not compress', async () => {
    const { origin, fleet, results } = await setUpFleet();
    await fleet.enqueue('b', crawlFile(`${origin.url}/echo/{n}`, TOTAL, RATE), 10);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const worker = await fleet.worker(['--compress', 'zstd', '--concurrency', '20']);
      await settled(fleet, 'b', (kill * TOTAL) / (KILLS + 2));
      await worker.kill('SIGKILL');
    }
    await fleet.worker(['--compress', 'zstd']);
    await fleet.worker();
    expect(await fleet.finished('b')).toMatchObject({ ok: TOTAL });
    expect(await contentOf(results, 'b')).toEqual({
      written: TOTAL,
      missing: 0,
      records: TOTAL,
      foreign: 0,
    });
  });
});

/** So slow that every kill finds the worker at work. */
const RATE = { politeness: '{ rate: 400/s, concurrency: unlimited, robots: ignore }' };
