import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@fetchfleet/testing';

/** A line as workers write it. */
export function failedRecord(
  index: number,
  outcome: string,
  extra: Readonly<Record<string, unknown>> = {},
): string {
  return `${JSON.stringify({
    batch: 'b',
    index,
    params: { n: `},"url":"${index}` },
    url: `https://a.example/${index}`,
    outcome,
    attempts: 1,
    startedAt: '2026-11-23T00:00:00.000Z',
    durationMs: 1,
    bytes: 0,
    worker: 'w',
    ...extra,
  })}\n`;
}

export const notFound = {
  status: 404,
  error: { code: 'HTTP_404', message: 'the origin answered 404' },
};
export const tooSlow = { error: { code: 'FETCH_TIMEOUT', message: 'too slow' } };

/** A results folder with a batch `b` of these parts. */
export async function results(...parts: readonly string[]): Promise<string> {
  const { path } = await temporaryFolder();
  await mkdir(join(path, 'b'));
  for (const [number, text] of parts.entries()) {
    await writeFile(join(path, 'b', `part-w-${number}.ndjson`), text);
  }
  return path;
}
