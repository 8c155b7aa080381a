import { join } from 'node:path';
import { repositoryRoot } from '@fetchfleet/testing';

/** What the script of releases is made of. It is plain JavaScript, so the types are here. */
interface ReleaseFunctions {
  readonly releaseChangelog: (text: string, version: string, date: string) => string;
  readonly notesOf: (text: string, version: string) => string;
  readonly nextVersion: (current: string, wanted: string) => string;
  readonly filesWithVersion: (
    root: string,
    current: string,
    next: string,
  ) => readonly { readonly file: string; readonly text: string }[];
}

export async function loadReleaseFunctions(): Promise<ReleaseFunctions> {
  const folder = join(repositoryRoot, 'scripts/release');
  const modules = await Promise.all(
    ['changelog.mjs', 'version.mjs'].map(async (file) => import(join(folder, file))),
  );
  return Object.assign({}, ...modules) as ReleaseFunctions;
}
