import { appendFile, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type Running } from '@fetchfleet/testing';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
let worker: Running;

beforeEach(async () => {
  fleet = await FleetProject.create();
});

afterEach(async () => fleet.remove());

installLeakGuard();

const TOTAL = 200;

/** A finished batch; every tenth fetch has failed. */
async function finishedBatch(): Promise<string> {
  fleet.origin.respond(/^\/echo\/\d*0$/u, { status: 404 });
  worker = await fleet.worker();
  const id = await fleet.enqueue(crawlFile(fleet.origin.url, TOTAL, 'retry: { attempts: 1 }'));
  const { document } = await fleet.json('status', id, '--watch');
  expect(document).toMatchObject({ state: 'finished', failed: TOTAL / 10 });
  return id;
}

async function partOf(id: string): Promise<string> {
  const folder = fleet.project.path('results', id);
  const [name = ''] = (await readdir(folder)).filter((one) => one.startsWith('part-'));
  return fleet.project.path('results', id, name);
}

const whole = {
  records: TOTAL,
  missing: 0,
  torn: 0,
  doubled: 0,
  foreign: 0,
  skippedParts: [] as string[],
  repaired: 0,
};

describe('verify', () => {
  it('finds nothing in whole results', async () => {
    const id = await finishedBatch();
    expect(await fleet.json('verify', id)).toMatchObject({ code: 0, document: whole });
    expect(await fleet.json('verify', id, '--repair')).toMatchObject({ code: 0, document: whole });
  });

  it('finds missing records, and fetches them again with the counts of the ledger', async () => {
    const id = await finishedBatch();
    const part = await partOf(id);
    await worker.kill();
    const lines = (await readFile(part, 'utf8')).trimEnd().split('\n');
    const lost = lines.filter((line) => /"index":\d*[05],/u.test(line)).length;
    const kept = lines.filter((line) => !/"index":\d*[05],/u.test(line));
    await writeFile(part, `${kept.join('\n')}\n`);
    expect(await fleet.json('verify', id)).toMatchObject({
      code: 1,
      document: { ...whole, records: TOTAL - lost, missing: lost },
    });
    fleet.origin.forget();
    await fleet.worker();
    const repaired = await fleet.json('verify', id, '--repair', '--wait');
    expect(repaired).toMatchObject({ code: 1, document: { missing: lost, repaired: lost } });
    expect(fleet.origin.arrivals).toHaveLength(lost);
    expect(await fleet.json('verify', id)).toMatchObject({ code: 0, document: whole });
    expect(await fleet.json('status', id)).toMatchObject({
      document: { state: 'finished', settled: TOTAL, ok: TOTAL - TOTAL / 10, failed: TOTAL / 10 },
    });
    const { records } = await fleet.exported(id);
    expect(records).toHaveLength(TOTAL);
  });

  it('fetches again what has a damaged record', async () => {
    const id = await finishedBatch();
    const part = await partOf(id);
    const text = await readFile(part, 'utf8');
    await writeFile(part, text.replace('"status":200', '"status":2x0'));
    expect(await fleet.json('verify', id)).toMatchObject({
      code: 1,
      document: { ...whole, records: TOTAL - 1, missing: 1, torn: 1 },
    });
    await fleet.json('verify', id, '--repair', '--wait');
    expect(await fleet.json('verify', id)).toMatchObject({
      code: 0,
      document: { ...whole, torn: 1 },
    });
    expect((await fleet.exported(id)).records).toHaveLength(TOTAL);
  });

  it('repairs a batch whose folder was deleted', async () => {
    const id = await finishedBatch();
    await rm(fleet.project.path('results', id), { recursive: true });
    const found = await fleet.json('verify', id);
    expect(found).toMatchObject({ code: 1, document: { records: 0, missing: TOTAL } });
    await fleet.json('verify', id, '--repair', '--wait');
    expect(await fleet.json('verify', id)).toMatchObject({ code: 0, document: whole });
  });

  it('counts what an export skips or keeps once', async () => {
    const id = await finishedBatch();
    const part = await partOf(id);
    const [first = ''] = (await readFile(part, 'utf8')).split('\n');
    await appendFile(part, `${first}\n${first.slice(0, 70)}\n`);
    const harmless = await fleet.json('verify', id);
    expect(harmless).toMatchObject({ code: 0, document: { ...whole, torn: 1, doubled: 1 } });
    const link = fleet.project.path('results', id, 'part-w-9-1.ndjson');
    await symlink('/dev/zero', link);
    const skippedParts = [`${link} is a symbolic link, not a regular file`];
    const skipping = await fleet.json('verify', id);
    expect(skipping).toMatchObject({ code: 1, document: { records: TOTAL, skippedParts } });
    await rm(link);
    await appendFile(part, `${first.replace(id, 'other')}\n`);
    expect(await fleet.json('verify', id)).toMatchObject({ code: 1, document: { foreign: 1 } });
  });

  it('refuses a folder that is not the one of the batch', async () => {
    const id = await finishedBatch();
    const { code, stderr } = await fleet.project.call(['verify', id, '--results', 'nowhere']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('name the place with --results')]);
  });

  it('repairs no cancelled batch', async () => {
    const id = await fleet.enqueue(crawlFile(fleet.origin.url, 10));
    await fleet.ledger.settle(id, [{ index: 0, outcome: 'ok', durationMs: 1, bytes: 1 }]);
    await fleet.project.call(['cancel', id]);
    const args = ['verify', id, '--repair', '--results', '.'];
    const { code, stderr } = await fleet.project.run(args);
    expect([code, stderr]).toEqual([2, expect.stringContaining('resume it first')]);
  });
});
