import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../src/index.ts';

interface Locked {
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

/** Every package that a lockfile has, with its path. */
function dependenciesOf(folder: string): (readonly [string, Locked])[] {
  const { packages } = JSON.parse(read(join(folder, 'package-lock.json'))) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  return Object.entries(packages).filter(
    ([path, { link = false }]) => path.includes('node_modules/') && !link,
  );
}

/** What may be passed on with no more than its text. */
const LICENCES = /^(?:MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0)$/u;

describe.each([
  ['the repository', '.', [['node', true]]],
  ['the site of the documentation', 'site', []],
])('the dependencies of %s', (_, folder, scripts) => {
  const dependencies = dependenciesOf(folder);

  it('run an install script only where package.json allows it by name', () => {
    const { allowScripts } = JSON.parse(read(join(folder, 'package.json'))) as {
      readonly allowScripts: Readonly<Record<string, boolean>>;
    };
    const withScripts = dependencies
      .filter(([, { hasInstallScript = false }]) => hasInstallScript)
      .map(([path]) => path.split('node_modules/').at(-1));
    expect(new Set(Object.keys(allowScripts))).toEqual(new Set(withScripts));
    const allowed = Object.entries(allowScripts).filter(([, isAllowed]) => isAllowed);
    expect(allowed).toEqual(scripts);
  });

  it('are known by their hashes', () => {
    expect(dependencies.length).toBeGreaterThan(300);
    expect(
      dependencies.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-')),
    ).toEqual([]);
  });
});

describe('the dependencies', () => {
  it.each(['producer', 'worker'])('that %s has in its bundle come with their licences', (app) => {
    const sections = read(`apps/${app}/dist/THIRD_PARTY_LICENSES.txt`).split(/^={80}\n\n/mu);
    const names = sections.map((section) => section.split(' ', 1)[0]);
    expect(names).toEqual(expect.arrayContaining(['bullmq', 'commander', 'got', 'ioredis', 'zod']));
    for (const section of sections) {
      const [, licence, , , ...text] = section.split('\n');
      expect(licence).toMatch(LICENCES);
      expect(text.join('\n').length).toBeGreaterThan(500);
    }
  });
});
