// Where the version stands. All packages have the same one: people install one package, and the
// others are parts of it.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inc, valid } from 'semver';

const LEVELS = ['major', 'minor', 'patch', 'prerelease'];
const LOCKFILE = 'package-lock.json';
/** Files beside the manifests that say the version. Tests compare them with it. */
const SAID_IN = ['packages/crawl/src/model/version.ts', 'apps/web/openapi.json'];
/** Files in which an image or a header may be named with it, in a line that names fetchfleet. */
const SHOWN_IN = ['deploy/**/*.yaml', 'docs/**/*.md'];

/** The version that follows `current`: by a level (major, minor …) or as it is given. */
export function nextVersion(current, wanted) {
  const next = LEVELS.includes(wanted) ? inc(current, wanted) : valid(wanted);
  if (next === null) {
    throw new Error(
      `"${wanted}" is no version: give one like 1.2.3, or one of ${LEVELS.join(', ')}`,
    );
  }
  return next;
}

/** The files of a repository that name its version, with their texts for the next one. */
export function filesWithVersion(root, current, next) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const folders = manifest.workspaces.flatMap((pattern) => globSync(pattern, { cwd: root }));
  const manifests = ['', ...folders.toSorted()].map((folder) => join(folder, 'package.json'));
  const shown = SHOWN_IN.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted();
  return [
    ...manifests.map((file) => [file, (text) => replaceField(text, current, next)]),
    [LOCKFILE, (text) => replaceInLock(text, next)],
    ...SAID_IN.map((file) => [file, (text) => replaceAll(text, current, next)]),
    ...shown.map((file) => [file, (text) => replaceShown(text, current, next)]),
  ].flatMap(([file, change]) => {
    const text = readFileSync(join(root, file), 'utf8');
    const changed = change(text);
    if (changed !== text) {
      return { file, text: changed };
    }
    if (shown.includes(file)) {
      return [];
    }
    throw new Error(`${file} does not name the version ${current}`);
  });
}

function replaceField(text, current, next) {
  return text.replace(`"version": "${current}"`, `"version": "${next}"`);
}

function replaceShown(text, current, next) {
  return text.replaceAll(/^.*fetchfleet.*$/gmu, (line) => replaceAll(line, current, next));
}

/** Not where it is a part of another number, such as an address or a longer version. */
function replaceAll(text, current, next) {
  const escaped = current.replaceAll('.', '\\.');
  return text.replaceAll(new RegExp(`(?<![\\w.-])${escaped}(?![\\w-]|\\.\\d)`, 'gu'), next);
}

/** Only the repository and its workspaces: what is in node_modules has versions of its own. */
function replaceInLock(text, next) {
  const lock = JSON.parse(text);
  lock.version = next;
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (!path.includes('node_modules/')) {
      entry.version = next;
    }
  }
  return `${JSON.stringify(lock, undefined, 2)}\n`;
}
