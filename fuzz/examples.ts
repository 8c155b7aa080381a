import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '@fetchfleet/testing';

/** The crawl files of `examples/` and of the documentation. */
export function crawlFileExamples(): string[] {
  const files = globSync('examples/*.yaml', { cwd: repositoryRoot }).map(read);
  const blocks = globSync(['README.md', 'docs/**/*.md'], { cwd: repositoryRoot }).flatMap((path) =>
    [...read(path).matchAll(/^```ya?ml\n(.*?)^```/gmsu)].map(([, text = '']) => text),
  );
  return [...files, ...blocks].filter((text) => /^url:/mu.test(text));
}

/** The words of texts: what edits may insert elsewhere. */
export function wordsOf(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((text) => text.match(/[\w-]+:?|\S+|\n +/gu) ?? []))];
}

function read(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8');
}
