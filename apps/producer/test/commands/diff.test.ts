import { mkdir, writeFile } from 'node:fs/promises';
import { installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Project } from '../cli-fixture.ts';

const OLDER = 'test-20261123-0017-k3f9';
const NEWER = 'test-20261124-0017-k3f9';
const ABSENT = 'test-20261125-0017-k3f9';

let project: Project;
beforeEach(async () => {
  project = await Project.create();
  for (const [at, batch] of [OLDER, NEWER].entries()) {
    const folder = project.path('results', batch);
    await mkdir(folder, { recursive: true });
    const createdAt = `2026-11-2${at + 3}T00:17:00.000Z`;
    const manifest = { batch, name: 'test', total: 1, params: ['n'], url: '', createdAt };
    await writeFile(`${folder}/batch.json`, JSON.stringify(manifest));
    const record = { batch, index: 0, params: { n: '1' }, url: 'http://a.example/', outcome: 'ok' };
    await writeFile(`${folder}/part-w-1-1.ndjson`, `${JSON.stringify({ ...record, body: at })}\n`);
  }
});
afterEach(async () => project.remove());
installLeakGuard();

describe('diff', () => {
  it.each([[[NEWER]], [[OLDER, NEWER]], [[NEWER, OLDER]]])(
    'goes forward in time: %j',
    async (batches) => {
      const { code, stdout } = await project.call(['diff', ...batches, '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ older: OLDER, newer: NEWER, changed: 1 });
    },
  );

  it.each([
    [[OLDER, ABSENT], ABSENT],
    [[ABSENT, OLDER], ABSENT],
    [[OLDER, '../results'], '../results'],
    [[ABSENT], ABSENT],
  ])('names the batch that is not there: %j', async (batches, missing) => {
    const { code, stderr } = await project.call(['diff', ...batches]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`no batch "${missing}" is known`)]);
  });
});
