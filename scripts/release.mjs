// `npm run release -- minor`: checks everything, gives all packages the next version and what is
// unreleased in the changelog its date, makes the tarball, commits and tags. Nothing leaves this
// machine: pushing the tag publishes it. `--dry-run` checks and shows, and changes nothing.
// `npm run release -- --notes 1.2.3` prints what the changelog says about a version.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gt } from 'semver';
import { notesOf, releaseChangelog, unreleasedNotes } from './release/changelog.mjs';
import { filesWithVersion, nextVersion } from './release/version.mjs';

const USAGE =
  'usage: npm run release -- major|minor|patch|prerelease|VERSION [--dry-run], or --notes VERSION';
const CHANGELOG = 'CHANGELOG.md';
const PACKAGE = 'fetchfleet';
/** Where the tarball is put. In no commit. */
const FOLDER = 'release';

// npm starts it in the root of the repository.
const root = process.cwd();
// Ctrl-C also ends the program that runs at that moment. What was changed is put back then.
process.on('SIGINT', () => undefined);

try {
  main();
} catch (error) {
  process.stderr.write(`release: ${error.message}\n`);
  process.exitCode = 1;
}

function main() {
  const { values, positionals } = readArguments();
  if (values.notes !== undefined) {
    printNotes(values.notes);
    return;
  }
  const plan = makePlan(positionals[0]);
  say(`${plan.current} → ${plan.next}`);
  check(plan);
  if (values['dry-run']) {
    show(plan);
  } else {
    release(plan);
  }
}

function readArguments() {
  const options = { 'dry-run': { type: 'boolean' }, notes: { type: 'string' } };
  const read = parseArgs({ options, allowPositionals: true });
  if (read.positionals.length !== (read.values.notes === undefined ? 1 : 0)) {
    throw new Error(USAGE);
  }
  return read;
}

function printNotes(version) {
  const notes = notesOf(readFile(CHANGELOG), version);
  if (notes === '') {
    throw new Error(`${CHANGELOG} has no section for ${version}`);
  }
  process.stdout.write(`${notes}\n`);
}

/** What a release would change. Reads only, and refuses what must not be released. */
function makePlan(wanted) {
  const { version: current } = JSON.parse(readFile('package.json'));
  const next = nextVersion(current, wanted);
  if (!gt(next, current)) {
    throw new Error(`${next} is not later than ${current}, which the packages have`);
  }
  const tag = `v${next}`;
  if (git('status', '--porcelain') !== '') {
    throw new Error('the working tree has changes: commit them, or put them away (git stash -u)');
  }
  if (git('tag', '--list', tag) !== '') {
    throw new Error(`the tag ${tag} exists already`);
  }
  const changelog = readFile(CHANGELOG);
  const date = new Date().toISOString().slice(0, 10);
  const files = [
    ...filesWithVersion(root, current, next),
    { file: CHANGELOG, text: releaseChangelog(changelog, next, date) },
  ];
  return { current, next, tag, files, notes: unreleasedNotes(changelog) };
}

/** That all is green, and that npm would take the package. */
function check({ next }) {
  run('npm', ['run', '--silent', 'check'], 'the checks fail: see above');
  const distTag = next.includes('-') ? 'next' : 'latest';
  const args = ['publish', '--dry-run', '--ignore-scripts', '--workspace', PACKAGE];
  run('npm', [...args, '--tag', distTag], 'npm would not take the package: see above');
}

function show({ next, tag, files, notes }) {
  process.stdout.write(`${notes}\n`);
  say(`a release would change ${files.map(({ file }) => file).join(', ')}`);
  say(`it would make ${FOLDER}/${PACKAGE}-${next}.tgz, a commit and the tag ${tag}`);
}

function release({ next, tag, files, notes }) {
  try {
    for (const { file, text } of files) {
      writeFileSync(join(root, file), text);
    }
    // The programs name their version.
    run('npm', ['run', '--silent', 'build'], 'the build fails: see above');
    mkdirSync(join(root, FOLDER), { recursive: true });
    const args = ['pack', '--ignore-scripts', '--workspace', PACKAGE];
    run('npm', [...args, '--pack-destination', FOLDER], 'the package cannot be packed: see above');
    git('commit', '--quiet', '--all', '--message', `Release ${next}`);
  } catch (error) {
    // The tree was clean.
    git('checkout', '--quiet', '--', ...files.map(({ file }) => file));
    throw error;
  }
  git('tag', '--annotate', '--cleanup=verbatim', '--message', `${tag}\n\n${notes}\n`, tag);
  say(`made ${FOLDER}/${PACKAGE}-${next}.tgz, the commit "Release ${next}" and the tag ${tag}`);
  say(`"git push --atomic origin HEAD ${tag}" publishes it`);
}

function readFile(file) {
  return readFileSync(join(root, file), 'utf8');
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
}

function run(program, args, complaint) {
  // What it prints is for the reader; stdout is for notes.
  const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    throw new Error(complaint);
  }
}

function say(line) {
  process.stderr.write(`release: ${line}\n`);
}
