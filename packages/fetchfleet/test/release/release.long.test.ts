import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { repositoryRoot, temporaryFolder } from '@fetchfleet/testing';

const SCRIPT = join(repositoryRoot, 'scripts/release.mjs');
const MANIFEST = {
  name: 'repository',
  version: '1.2.3',
  private: true,
  workspaces: ['packages/*'],
  scripts: { check: 'node -e ""', build: 'node build.mjs' },
};
/** A repository like ours, and small. */
const FILES: Readonly<Record<string, string>> = {
  '.gitignore': 'node_modules/\n/release/\n',
  'package.json': json(MANIFEST),
  'package-lock.json': json({ version: '1.2.3', lockfileVersion: 3, packages: { '': {} } }),
  'packages/fetchfleet/package.json': json({ name: 'fetchfleet', version: '1.2.3' }),
  'CHANGELOG.md': '# Changelog\n\n## [Unreleased]\n\n- News. #1\n',
  'build.mjs': '',
  'packages/crawl/src/model/version.ts': "export const VERSION = '1.2.3';\n",
  'apps/web/openapi.json': json({ version: '1.2.3' }),
  'deploy/kubernetes/example/kustomization.yaml': '- { name: fetchfleet-web, newTag: 1.2.3 }\n',
  'docs/crawl-file.md': 'fetchfleet/1.2.3 (+contact)\n',
  'docs/kubernetes.md': 'fetchfleet-worker:1.2.3 .\n',
};
const TODAY = /## \[1\.3\.0\] - \d{4}-\d{2}-\d{2}\n\n- News/;

let root: string;

beforeEach(async () => {
  ({ path: root } = await temporaryFolder('release'));
  for (const [file, text] of Object.entries(FILES)) {
    write(file, text);
  }
  // `packages/crawl` is a workspace too.
  write('packages/crawl/package.json', json({ name: 'crawl', version: '1.2.3', private: true }));
  git('init', '--quiet', '--initial-branch', 'main');
  git('config', 'user.name', 'Tester');
  git('config', 'user.email', 'tester@example.org');
  commit();
});

describe('npm run release', () => {
  it('changes versions and changelog, makes the tarball, commits and tags', () => {
    expect(release('minor')).toMatchObject({ status: 0 });
    for (const file of Object.keys(FILES).filter((name) => FILES[name]?.includes('1.2.3'))) {
      expect(read(file)).toContain('1.3.0');
      expect(read(file)).not.toContain('1.2.3');
    }
    expect(read('CHANGELOG.md')).toMatch(TODAY);
    expect(existsSync(join(root, 'release/fetchfleet-1.3.0.tgz'))).toBe(true);
    expect(git('status', '--porcelain')).toBe('');
    expect(git('log', '-1', '--format=%s')).toBe('Release 1.3.0');
    expect(git('rev-parse', 'v1.3.0^{commit}')).toBe(git('rev-parse', 'HEAD'));
    expect(git('tag', '--list', '--format=%(contents:body)', 'v1.3.0')).toBe('- News. #1');
    expect(release('--notes', '1.3.0')).toMatchObject({ status: 0, stdout: '- News. #1\n' });
  });

  it('changes nothing with --dry-run, and shows the notes', () => {
    const before = git('rev-parse', 'HEAD');
    const { status, stdout, stderr } = release('minor', '--dry-run');
    expect(stderr).toContain('the tag v1.3.0');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '- News. #1\n' });
    expect(git('status', '--porcelain', '--ignored')).toBe('');
    expect([git('rev-parse', 'HEAD'), git('tag', '--list')]).toEqual([before, '']);
  });

  it.each<readonly [string, readonly string[], () => void, string]>([
    ['a dirty tree', ['minor'], () => write('note.txt', 'x'), 'the working tree has changes: '],
    ['a tag that exists', ['minor'], () => git('tag', 'v1.3.0'), 'the tag v1.3.0 exists already'],
    [
      'checks that fail',
      ['minor'],
      () => {
        const scripts = { ...MANIFEST.scripts, check: 'node -e "process.exit(1)"' };
        write('package.json', json({ ...MANIFEST, scripts }));
        commit();
      },
      'the checks fail: see above',
    ],
    ['an older version', ['1.2.2'], () => undefined, '1.2.2 is not later than 1.2.3, which '],
    ['what is no version', ['big'], () => undefined, '"big" is no version: give one like 1.2.3, '],
    ['no version', [], () => undefined, 'usage: npm run release -- major|minor|'],
    [
      'a changelog without news',
      ['minor'],
      () => {
        write('CHANGELOG.md', '# Changelog\n\n## [Unreleased]\n');
        commit();
      },
      'CHANGELOG.md has nothing under ## [Unreleased]: ',
    ],
  ])('refuses %s in one sentence', (_what, args, prepare, complaint) => {
    prepare();
    const before = state();
    const { status, stderr } = release(...args);
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n').at(-1)).toContain(`release: ${complaint}`);
    expect(state()).toEqual(before);
  });

  it('puts everything back if the build fails', () => {
    write('build.mjs', 'process.exit(1);\n');
    commit();
    const { status, stderr } = release('minor');
    expect(status).toBe(1);
    expect(stderr).toContain('release: the build fails: see above');
    expect([git('status', '--porcelain'), git('tag', '--list')]).toEqual(['', '']);
    expect(read('package.json')).toContain('1.2.3');
  });
});

function state(): readonly string[] {
  return [git('status', '--porcelain'), git('rev-parse', 'HEAD')];
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function commit(): void {
  git('add', '--all');
  git('commit', '--quiet', '--message', 'Change');
}

function git(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`git ${args.join(' ')} ended with ${status}: ${stderr}`);
  }
  return stdout.trim();
}

function release(...args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const env = { ...process.env, NODE_OPTIONS: undefined, npm_config_offline: 'true' };
  return spawnSync('node', [SCRIPT, ...args], { cwd: root, encoding: 'utf8', env });
}
