import { mkdir, writeFile } from 'node:fs/promises';
import type { Project } from '../../cli-fixture.ts';

export const BATCH = 'test-20261123-0017-k3f9';

export const line = (index: number): string =>
  `{"batch":"${BATCH}","index":${index},"params":{"n":"${index}"},"url":"http://127.0.0.1:9/${index}","outcome":"ok","status":200,` +
  `"attempts":1,"startedAt":"2026-11-23T00:17:04.120Z","durationMs":103.2,"bytes":2,"worker":"w-1","body":"${'x'.repeat(100)}"}\n`;

/** Writes results in reverse order. @returns the text that an export must write */
export async function layOut(project: Project, written: number, total = written): Promise<string> {
  await mkdir(project.path('results', BATCH), { recursive: true });
  const manifest = {
    batch: BATCH,
    name: 'test',
    total,
    params: ['n'],
    url: 'http://127.0.0.1:9/{n}',
  };
  const lines = Array.from({ length: written }, (_, index) => line(index));
  await writeFile(project.path('results', BATCH, 'batch.json'), JSON.stringify(manifest));
  await writeFile(project.path('results', BATCH, 'part-w-1.ndjson'), lines.toReversed().join(''));
  return lines.join('');
}
