import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Project } from '../../cli-fixture.ts';
import { BATCH, layOut } from './stored-batch.ts';

let project: Project;
beforeEach(async () => {
  project = await Project.create();
});
afterEach(async () => project.remove());
installLeakGuard();

describe('export -o FILE', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'keeps the file of an earlier export when %s ends it half-way',
    async (signal) => {
      const expected = await layOut(project, 200_000);
      await writeFile(project.path('out.ndjson'), 'earlier');
      // All have this outcome, and to look takes long enough to be interrupted.
      const half = await project.start(['export', BATCH, '--outcome=ok', '-o', 'out.ndjson']);
      const drafts = async (): Promise<string[]> =>
        (await readdir(project.folder.path)).filter((name) => name.endsWith('.tmp'));
      await eventually(async () => {
        const [draft] = await drafts();
        return draft !== undefined && (await stat(project.path(draft))).size > 0;
      });
      await half.kill(signal);
      expect(await readFile(project.path('out.ndjson'), 'utf8')).toBe('earlier');
      expect(await drafts()).toHaveLength(signal === 'SIGKILL' ? 1 : 0);
      await project.call(['export', BATCH, '-o', 'out.ndjson']);
      expect((await readFile(project.path('out.ndjson'), 'utf8')) === expected).toBe(true);
    },
  );
});
