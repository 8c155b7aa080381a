import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@fetchfleet/testing';
import { loadReleaseFunctions } from './release-functions.ts';

const { filesWithVersion, nextVersion, notesOf, releaseChangelog } = await loadReleaseFunctions();

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- A thing that
  takes two lines.

## [1.0.0] - 2026-01-02

The first version.
`;

describe('the changelog at a release', () => {
  it('keeps every word, and gives what is unreleased its version and date', () => {
    const released = releaseChangelog(CHANGELOG, '1.1.0', '2026-03-04');
    expect(released).toBe(
      CHANGELOG.replace('## [Unreleased]\n', '## [Unreleased]\n\n## [1.1.0] - 2026-03-04\n'),
    );
    expect(notesOf(released, '1.1.0')).toBe('### Added\n\n- A thing that\n  takes two lines.');
    expect(notesOf(released, '1.0.0')).toBe('The first version.');
    expect(notesOf(released, '1.1')).toBe('');
  });

  it('is refused where nothing is unreleased, or the version is there already', () => {
    const released = releaseChangelog(CHANGELOG, '1.1.0', '2026-03-04');
    expect(() => releaseChangelog(released, '1.2.0', '2026-03-05')).toThrow('nothing to release');
    expect(() => releaseChangelog(CHANGELOG, '1.0.0', '2026-03-05')).toThrow('1.0.0 already');
  });
});

describe('the next version', () => {
  it.each([
    ['patch', '1.2.4'],
    ['minor', '1.3.0'],
    ['major', '2.0.0'],
    ['prerelease', '1.2.4-0'],
    ['v1.4.0-beta.1', '1.4.0-beta.1'],
  ])('after 1.2.3 by "%s" is %s', (wanted, next) => {
    expect(nextVersion('1.2.3', wanted)).toBe(next);
  });

  it.each(['', '1.2', 'latest'])('is refused as "%s"', (wanted) => {
    expect(() => nextVersion('1.2.3', wanted)).toThrow('is no version');
  });
});

describe('the version of this repository', () => {
  const manifest = readFileSync(join(repositoryRoot, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { readonly version: string };

  it('is replaced in every file that names it, and only there', () => {
    const files = filesWithVersion(repositoryRoot, version, '99.88.77');
    const escaped = version.replaceAll('.', '\\.');
    const own = new RegExp(`"version": "${escaped}"|VERSION = '${escaped}'`, 'u');
    for (const { file, text } of files.filter((one) => one.file !== 'package-lock.json')) {
      expect(text).toContain('99.88.77');
      expect(own.test(text) ? file : undefined).toBeUndefined();
    }
    // Another product may have the same version. Lockfiles name packages that come from npm.
    const search = ['grep', '-lE', `fetchfleet.*[^0-9.]${escaped}([^0-9]|$)`, '--', '.'];
    const others = [':!**/test/**', ':!**/package-lock.json', ':!CHANGELOG.md'];
    const { stdout } = spawnSync('git', [...search, ...others], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    });
    const known = files.map(({ file }) => file);
    const found = stdout.trim().split('\n');
    expect(found).toContain('docs/kubernetes.md');
    expect(found.filter((file) => !known.includes(file))).toEqual([]);
  });

  it('is replaced in the lockfile for our packages, and for no other', () => {
    const [lock] = filesWithVersion(repositoryRoot, version, '99.88.77').filter(
      ({ file }) => file === 'package-lock.json',
    );
    const { packages } = JSON.parse(lock?.text ?? '') as {
      readonly packages: Readonly<Record<string, { readonly version?: string }>>;
    };
    const changed = Object.entries(packages).filter(([, entry]) => entry.version === '99.88.77');
    expect(changed.map(([path]) => path)).toContain('packages/fetchfleet');
    expect(changed.filter(([path]) => path.includes('node_modules'))).toEqual([]);
  });
});
