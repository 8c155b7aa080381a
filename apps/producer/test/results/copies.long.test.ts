import { mkdir, readdir } from 'node:fs/promises';
import { FolderStore } from '@fetchfleet/results';
import { eventually, installLeakGuard, type Running } from '@fetchfleet/testing';
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
const TOTAL = 400;

/** So much that copying it takes a while. */
async function writeBatch(): Promise<void> {
  const store = new FolderStore(project.path('results'), { compression: 'zstd' });
  const manifest = { batch: BATCH, name: 'b', total: TOTAL, params: [], url: '', createdAt: '' };
  const sink = store.sink({ worker: 'w-1', manifest: async () => manifest });
  await sink.start();
  const body = JSON.stringify('x'.repeat(1_000_000));
  for (let index = 0; index < TOTAL; index += 1) {
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
});
