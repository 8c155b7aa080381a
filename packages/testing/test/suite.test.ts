import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '../src/index.ts';

/** A pause of a fixed length. Servers in tests may answer late: they do not hold up the test. */
const FIXED_WAIT = /setTimeout\b[^;\n]*timers\/promises|setTimeout\(\s*(?:resolve|done)\b/u;
/** A short deadline turns a loaded machine red. `eventually` and `waitForLine` have a long one. */
const SHORT_DEADLINE = /\bdeadlineMs: [\d_]+|waitForLine\([^()]+, [\d_]+\)/u;
/** A time-out of a test or hook of its own, in any layout: the preset has one for all. */
const OWN_TIMEOUT =
  /^ *\}, \d+_\d{3}\);$|^ +\d+_\d{3},\n *\);$|^(?:before|after)(?:Each|All)\(.*, [\d_]+\);$/mu;

const files = globSync('{apps,packages}/*/test/**/*.ts', { cwd: repositoryRoot })
  .filter((file) => !file.endsWith('.timing.test.ts') && !file.endsWith('suite.test.ts'))
  .map((file) => ({ file, text: readFileSync(join(repositoryRoot, file), 'utf8') }));

const matching = (pattern: RegExp): string[] =>
  files.filter(({ text }) => pattern.test(text)).map(({ file }) => file);

describe('the tests of this repository', () => {
  it('wait for conditions, never for a fixed time', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(matching(FIXED_WAIT)).toEqual([]);
  });

  it('have one generous deadline for all waits', () => {
    expect(matching(SHORT_DEADLINE)).toEqual([]);
    expect(matching(OWN_TIMEOUT)).toEqual([]);
  });
});

/** A line that is a comment, or ends with one. */
function commentIn(file: string): RegExp {
  return /\.(?:m?js|tsx?)$/u.test(file) ? /^ *(?:\/\/|\*|\/\*)|[;,{}()[\]] \/\/ /u : /(?:^| )# /u;
}

describe('the comments of this repository', () => {
  it('fit 100 columns', () => {
    const patterns = [
      '{apps,packages,benchmarks,chaos,fuzz,scripts}/**/*.{ts,tsx,mjs,js}',
      '{deploy,examples}/**/*.{yaml,yml}',
      'deploy/{Dockerfile,systemd/*}',
      '*.{js,yml}',
    ];
    const sources = globSync(patterns, {
      cwd: repositoryRoot,
      exclude: (path) => /(^|\/)(node_modules|dist)$/u.test(path),
    });
    const tooLong = sources.flatMap((file) =>
      readFileSync(join(repositoryRoot, file), 'utf8')
        .split('\n')
        .flatMap((line, at) =>
          line.length > 100 && commentIn(file).test(line) ? [`${file}:${at + 1}`] : [],
        ),
    );
    expect(sources.length).toBeGreaterThan(400);
    expect(tooLong).toEqual([]);
  });
});
