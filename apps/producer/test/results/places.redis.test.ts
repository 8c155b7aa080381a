import { appendFile, mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fleetKeys } from '@fetchfleet/fleet';
import { installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crawlFile } from '../cli-fixture.ts';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
beforeEach(async () => {
  fleet = await FleetProject.create();
});
afterEach(async () => fleet.remove());
installLeakGuard();

const TOTAL = 40;

/** @param reported what another worker has reported of its results */
async function finishedBatch(flags: readonly string[], reported?: string): Promise<string> {
  fleet.origin.respond(/^\/echo\/\d*0$/u, { status: 404 });
  const id = await fleet.enqueue(crawlFile(fleet.origin.url, TOTAL, 'retry: { attempts: 1 }'));
  if (reported !== undefined) {
    await fleet.redis.hset(fleetKeys(fleet.name).batch(id), { [`results:${reported}`]: '1' });
  }
  await fleet.worker(flags);
  await fleet.json('status', id, '--watch');
  return id;
}

/** Copies of this process. */
async function copies(): Promise<string[]> {
  const names = await readdir(tmpdir());
  return names.filter(
    (name) => name.startsWith('fetchfleet-copy-') && name.includes(`-${process.pid}-`),
  );
}

describe('results in a folder that workers compress', () => {
  it('are read by every command, and leave no copy', async () => {
    const id = await finishedBatch(['--compress', 'zstd']);
    const folder = fleet.project.path('results', id);
    const parts = (await readdir(folder)).filter((name) => name.startsWith('part-'));
    expect(parts).toEqual([expect.stringMatching(/^part-w-[0-9a-f]+-1\.ndjson\.zst$/u)]);
    // A worker that was killed while it wrote.
    await appendFile(join(folder, parts[0] ?? ''), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x64]));

    const { records, stderr } = await fleet.exported(id);
    expect(records.map(({ index }) => index)).toEqual(Array.from({ length: TOTAL }, (_, n) => n));
    expect(stderr).toBe('warning: skipped 1 incomplete line in the parts\n');
    expect(await fleet.json('verify', id)).toMatchObject({
      code: 0,
      document: { records: TOTAL, missing: 0, torn: 1, doubled: 0, foreign: 0 },
    });
    expect(await fleet.json('failures', id)).toMatchObject({ code: 0, document: { found: 4 } });
    expect((await fleet.project.call(['failures', id, '--list'])).stdout.split('\n')).toHaveLength(
      5,
    );
    expect((await fleet.json('show', id, '9')).document).toMatchObject({ outcome: 'http-error' });

    const count = ['query', id, 'select count(*) as n from records'];
    const tables = async (): Promise<string[]> =>
      (await readdir(folder)).filter((name) => name.endsWith('.parquet'));
    expect((await fleet.json(...count)).document).toEqual([{ n: TOTAL }]);
    const made = await tables();
    expect((await fleet.json(...count)).document).toEqual([{ n: TOTAL }]);
    expect([made.length, await tables()]).toEqual([1, made]);

    fleet.origin.forget();
    await fleet.json('retry', id, '--status', '404', '--index', '0-20', '--wait');
    expect(fleet.origin.arrivals).toHaveLength(2);
    fleet.origin.respond(/^\/echo\//u, { body: '{"ids":[1,2]}' });
    await fleet.json('retry', id, '--wait');
    await fleet.project.write(
      'second.yaml',
      crawlFile(fleet.origin.url, 1).replace(
        /params: .*/u,
        `params: { n: { batch: ${id}, select: "$.ids[*]" } }`,
      ),
    );
    const dryRun = await fleet.json('validate', 'second.yaml');
    expect(dryRun).toMatchObject({ code: 0, document: { total: 8 } });

    const pruned = await fleet.json('prune', '--older-than', '0s', '--yes');
    expect(pruned.document).toMatchObject({ batches: [{ batch: id }] });
    expect(await readdir(fleet.project.path('results'))).toEqual(['.fetchfleet-results']);
    expect(await copies()).toEqual([]);
  });
});

describe('a place that a command is given', () => {
  it.each(['s3:/x', 's3://', 'http://a.example/r', 'postgres://db.example', 'C:\\results', 's3:'])(
    'is refused if it is %s, with what is allowed',
    async (place) => {
      const commands = [
        ['export', 'b'],
        ['show', 'b', '1'],
        ['query', 'b', 'select 1'],
        ['failures', 'b'],
        ['verify', 'b'],
        ['prune', '--older-than', '1d'],
        ['run', 'x.yaml'],
        ['retry', 'b'],
      ];
      const id = 'test-20261123-0017-k3f9';
      const found = await Promise.all(
        commands.map(async ([name = '', ...args]) => {
          const words = args.map((word) => (word === 'b' ? id : word));
          return fleet.project.call([name, ...words, '--results', place]);
        }),
      );
      for (const { code, stderr } of found.filter(
        ({ stderr: text }) => !/unknown|no batch/u.test(text),
      )) {
        expect([code, stderr]).toEqual([
          2,
          expect.stringMatching(/--results \(FETCHFLEET_RESULTS\): must (?:be a folder|name a)/u),
        ]);
      }
      expect(found.some(({ stderr }) => stderr.includes('--results (FETCHFLEET_RESULTS)'))).toBe(
        true,
      );
    },
  );

  it('may be several, some of them without the batch', async () => {
    const id = await finishedBatch(['--compress', 'zstd']);
    await mkdir(fleet.project.path('empty'));
    const places = ['--results', 'empty', '--results', 'results'];
    const { code } = await fleet.project.call(['export', id, ...places]);
    const none = await fleet.project.call(['export', id, '--results', 'empty']);
    expect([code, none.code]).toEqual([0, 2]);
    expect(none.stderr).toContain(`looked in ${fleet.project.path('empty')}`);
  });
});

describe('an address that Redis names', () => {
  it('is not opened, but named', async () => {
    const evil = 'postgres://me@evil.example/records';
    const id = await finishedBatch([], evil);
    for (const command of [
      ['failures', id],
      ['verify', id],
    ]) {
      const { code, stderr } = await fleet.project.call(command);
      expect([code, stderr]).toEqual([0, expect.stringContaining(`${evil}, which is not read`)]);
    }
    const prune = ['prune', '--older-than', '0s', '--yes', '--trust-folders'];
    const { code, stderr } = await fleet.project.call(prune);
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`"${evil}", which are not touched`),
    ]);
  });
});
