import { mkdir, readdir } from 'node:fs/promises';
import { FolderStore } from '@fetchfleet/results';
import { eventually, installLeakGuard, type Running, startS3 } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Project } from '../cli-fixture.ts';

let project: Project;
beforeEach(async () => {
  project = await Project.create();
  await mkdir(project.path('tmp'));
});
afterEach(async () => project.remove());
installLeakGuard();

const BATCH = 'b-20261123-0017-k3f9';
const OLDER = BATCH;
const NEWER = 'b-20261124-0017-k3f9';
const TOTAL = 400;

/** So much that copying it takes a while. */
async function writeBatch(total = TOTAL): Promise<void> {
  const store = new FolderStore(project.path('results'), { compression: 'zstd' });
  const manifest = { batch: BATCH, name: 'b', total, params: [], url: '', createdAt: '' };
  const sink = store.sink({ worker: 'w-1', manifest: async () => manifest });
  await sink.start();
  const body = JSON.stringify('x'.repeat(1_000_000));
  for (let index = 0; index < total; index += 1) {
    const line = `{"batch":"${BATCH}","index":${index},"params":{},"url":"","outcome":"ok","body":${body}}`;
    await sink.append(BATCH, [line]);
  }
  await sink.stop();
}

async function copies(): Promise<string[]> {
  return readdir(project.path('tmp'));
}

async function startedExport(): Promise<Running> {
  const running = await project.start(['export', BATCH, '-o', 'records.ndjson'], {
    env: { TMPDIR: project.path('tmp') },
  });
  await eventually(async () => (await copies()).length > 0);
  return running;
}

describe('a copy that a command reads from', () => {
  it('is removed when the command is interrupted, and later if it is killed', async () => {
    await writeBatch();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const running = await startedExport();
      process.kill(running.pid, signal);
      expect((await running.exit).code).toBe(130);
      expect(await copies()).toEqual([]);
    }
    const killed = await startedExport();
    await killed.kill('SIGKILL');
    expect(await copies()).toHaveLength(1);
    const { code } = await project.run(['export', BATCH, '-o', 'records.ndjson'], {
      TMPDIR: project.path('tmp'),
    });
    expect([code, await copies()]).toEqual([0, []]);
  });

  it('and the folder of a query are removed later if they were left by a killed one', async () => {
    await writeBatch(1);
    const env = { TMPDIR: project.path('tmp') };
    const endless = 'SELECT count(*) FROM range(10000000000) a, range(10000000000) b';
    const running = await project.start(['query', BATCH, endless], { env });
    await eventually(async () => (await copies()).length > 0);
    await running.kill('SIGKILL');
    expect(await copies()).not.toEqual([]);
    const { code } = await project.run(['diff', BATCH, BATCH], env);
    expect([code, await copies()]).toEqual([0, []]);
  });

  it.each([
    ['export', OLDER],
    ['show', OLDER, '0'],
    ['query', OLDER, 'select 1'],
    ['diff', NEWER],
    ['diff', OLDER, NEWER],
  ])('is given up at once while its place does not answer: %s %s', async (...words) => {
    const server = await startS3();
    try {
      for (const [at, batch] of [OLDER, NEWER].entries()) {
        const createdAt = `2026-11-2${at + 3}T00:17:00.000Z`;
        const manifest = { batch, name: 'b', total: 1, params: [], url: '', createdAt };
        server.put(`${batch}/batch.json`, JSON.stringify(manifest));
        const line = `{"batch":"${batch}","index":0,"params":{},"url":"","outcome":"ok"}\n`;
        server.put(`${batch}/part-w-1-1.ndjson`, line);
      }
      server.fail({ method: 'GET', key: /\/part-/u, with: 'silence' });
      const running = await project.start([...words, '--results', 's3://fleet'], {
        env: { ...server.env, TMPDIR: project.path('tmp') },
      });
      const asked = (): string[] =>
        server.requests.flatMap(({ key }) => (key.includes('/part-') ? [key] : []));
      await eventually(() => asked().length > 0);
      running.signal('SIGINT');
      expect([(await running.exit).code, await copies()]).toEqual([130, []]);
      // A place that does not answer is asked again, for minutes.
      expect(asked()).toEqual([...new Set(asked())]);
    } finally {
      await server.dispose();
    }
  });
});
