import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '@fetchfleet/testing';

/** The programs of `docs/library.md`, for an API at another address. */
export function libraryExamples(api: string): string[] {
  const text = readFileSync(join(repositoryRoot, 'docs/library.md'), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gmsu)];
  return blocks.map(([, code = '']) => code.replaceAll('http://127.0.0.1:8787', api));
}
