import { globSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryPath, repositoryRoot } from '@fetchfleet/testing';

/** What documents name that a test has elsewhere: their words, and what replaces them. */
export type Replacements = readonly (readonly [RegExp, string])[];

/** A command of a document. */
export interface DocumentedCommand {
  readonly document: string;
  readonly command: string;
}

const PROGRAMS = ['fetchfleet', 'fetchfleet-worker', 'fetchfleet-web', 'fetchfleet-sample-api'];

/** They run until they are stopped, so the script starts them in the background. */
const SERVERS = ['fetchfleet-worker'];

/**
 * Commands that a test cannot run, each with its reason. A command that is neither one of ours nor
 * listed here fails the test.
 */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^(?:npx )?fetchfleet-sample-api$/u, 'is started by the test, on a free port'],
  [/^(?:npx )?fetchfleet --(?:help|version)$/u, 'is no command of the command table'],
  [/^git /u, 'needs the network'],
  [/^cd /u, 'names a folder of the reader'],
  [/^npm (?:ci|start|test|run)\b/u, 'runs this test, or is checked by CI'],
  [/^npm install /u, 'changes the packages of this repository'],
  [/^(?:docker|docker-compose) /u, 'needs a container engine: npm run test:containers'],
  [/^(?:systemctl|journalctl|useradd|install|ln) /u, 'changes the machine'],
  [/^rsync /u, 'needs other machines'],
  [/^node /u, 'is no program of ours'],
  [/^redis-cli /u, 'is for the Redis of the fleet'],
  [/^export REDIS_(?:TLS_|URL=rediss:)/u, 'names a Redis and certificates of the reader'],
  [/^(?:npx )?fetchfleet-worker --results postgres:/u, 'needs a database: its own tests run it'],
  [
    /^(?:npx )?fetchfleet export .* postgres:/u,
    'needs a database: the tests of export --to run it',
  ],
  [/ s3:\/\//u, 'needs a bucket: the tests of exports and results in S3 run it'],
  [/^(?:npx )?fetchfleet (?:web|exporter)\b/u, 'serves until it is stopped: its own test runs it'],
  [/^export FETCHFLEET_WEB_TOKEN=/u, 'is for the page'],
  [/^curl -sN? (?:-X POST )?http:\/\/127\.0\.0\.1:8788\//u, 'asks a page: its tests do'],
  [/^kubectl /u, 'needs a cluster'],
  [/^(?:cp |echo .* >>? (?:\/etc|secrets)\/)/u, 'is for files of the reader'],
  [/^(?:npx )?fetchfleet start .* --shards /u, 'needs a fleet without batches: its tests run it'],
  [/^promtool /u, 'is run by the tests of rules and dashboards'],
];

/** Runs until Ctrl-C: the script sends it after a few seconds. */
const ENDLESS = /^fetchfleet (?:origins --watch|status --watch)$/u;

/** Run if the machine has it. */
const OPTIONAL = /^jq /u;

/** All pages in Markdown that users read, by path. */
export function listDocuments(): string[] {
  return globSync(['*.md', 'docs/**/*.md'], { cwd: repositoryRoot }).toSorted();
}

/** Whether a reader follows a page from its first step to its last: it has a test of its own. */
export function isTutorial(document: string): boolean {
  return document === 'docs/quick-start.md' || document.startsWith('docs/tutorials/');
}

export async function readDocument(document: string): Promise<string> {
  return readFile(join(repositoryRoot, document), 'utf8');
}

/** Commands of a document, in order: ```sh blocks, and lines after a $ in ```console blocks. */
export async function commandsOf(document: string): Promise<string[]> {
  const text = await readDocument(document);
  const blocks = [...text.matchAll(/^```(sh|console)\n(.*?)^```$/gmsu)];
  return blocks.flatMap(([, kind, block = '']) => {
    const lines = block.replaceAll('\\\n', ' ').split('\n');
    const typed = kind === 'sh' ? lines : lines.filter((line) => line.startsWith('$ '));
    return typed.map((line) => withoutComment(line.replace(/^\$ /u, ''))).filter(Boolean);
  });
}

/** Crawl files of a document: its ```yaml blocks whose first line is `# NAME.yaml`. */
export async function crawlFilesOf(document: string): Promise<(readonly [string, string])[]> {
  const text = await readDocument(document);
  return [...text.matchAll(/^```yaml\n# ([\w-]+\.yaml)\n(.*?)^```$/gmsu)].map(
    ([, name = '', body = '']) => [name, body],
  );
}

/** Rows of all tables in a text, as cells without their padding; `\|` in a cell is kept. */
export function tableRows(text: string): string[][] {
  return [...text.matchAll(/^\|(.+)\|$/gmu)].map(([, row = '']) =>
    row.split(/(?<!\\)\|/u).map((cell) => cell.trim()),
  );
}

/** The part of a document from a heading to the next one of its level or above. */
export function sectionOf(text: string, heading: string): string {
  const level = /^#+/u.exec(heading)?.[0].length ?? 1;
  const [, after = ''] = text.split(`\n${heading}\n`);
  return after.split(new RegExp(`^#{1,${level}} `, 'mu'), 1)[0] ?? '';
}

/** A line of bash without its comment. */
export function withoutComment(line: string): string {
  return line.replace(/(?:^|\s)#\s.*$/u, '').trim();
}

/**
 * The words of a fetchfleet command, without npx, `name=$(…)`, pipe and redirection; undefined for
 * any other command.
 */
export function ownWords(command: string): readonly string[] | undefined {
  const inner = /^\w+=\$\((.*)\)$/u.exec(command)?.[1] ?? command;
  const [first = ''] = inner.split(/\s(?:\|\|?|>)\s?/u);
  const words = (first.match(/"[^"]*"|'[^']*'|\S+/gu) ?? []).map((word) =>
    word.replace(/^(["'])(.*)\1$/su, '$2'),
  );
  const own = words[0] === 'npx' ? words.slice(1) : words;
  return PROGRAMS.includes(own[0] ?? '') ? own : undefined;
}

export function isNotRun(command: string): boolean {
  return NOT_RUN.some(([pattern]) => pattern.test(command));
}

export function isRunnable(command: string): boolean {
  if (isNotRun(command)) {
    return false;
  }
  const isHarmless = /^(?:export \w+=|mkdir |echo )/u.test(command) || OPTIONAL.test(command);
  return isHarmless || ownWords(command) !== undefined;
}

/**
 * A bash script that runs the commands as a reader would, one after the other, and names the first
 * that fails. Servers are started in the background; BATCH is the newest batch.
 */
export function scriptOf(commands: readonly string[], replacements: Replacements): string {
  const lines = commands.flatMap((command, index) => {
    const words = ownWords(command);
    const text = replacements.reduce((all, [word, value]) => all.replaceAll(word, value), command);
    const before = /\bBATCH\b/u.test(text) ? ['BATCH=$(newest-batch)'] : [];
    const named = text.replaceAll(/\bBATCH\b/gu, '"$BATCH"');
    if (SERVERS.includes(words?.[0] ?? '')) {
      return [...before, `${named} &`];
    }
    const shown = `echo "+ ${index}" >&2`;
    if (ENDLESS.test(words?.join(' ') ?? '')) {
      return [...before, shown, `timeout -s INT 2 ${named}; expect-ended ${index} $?`];
    }
    if (OPTIONAL.test(command)) {
      return [...before, shown, `if command -v jq >&2; then ${named}; expect-ok ${index} $?; fi`];
    }
    return [...before, shown, named, `expect-ok ${index} $?`];
  });
  return [SCRIPT_HEAD, ...lines, 'exit 0', ''].join('\n');
}

/** What a script of documented commands begins with. */
export const SCRIPT_HEAD = `
stop() { for pid in $(jobs -p); do kill -KILL "$pid"; done 2>/dev/null; wait; }
trap stop EXIT
newest-batch() { fetchfleet status --json | node -e '
  const { batches } = JSON.parse(require("fs").readFileSync(0));
  console.log(batches.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))[0].batch);
'; }
expect-ok() { [ "$2" -eq 0 ] || { echo "FAILED $1 with $2" >&2; exit 1; }; }
expect-ended() { [ "$2" -eq 124 ] || [ "$2" -eq 130 ] || [ "$2" -eq 0 ] || { echo "FAILED $1 with $2" >&2; exit 1; }; }
`;

/** A folder with our programs, and an npx that calls them. */
export async function programsIn(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const texts = PROGRAMS.map((name) => [
    name,
    `exec "${process.execPath}" "${binaryPath(name)}" "$@"`,
  ]);
  for (const [name = '', text = ''] of [...texts, ['npx', 'exec "$@"']]) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

/** The paths of all values in a JSON document: `groups[].example.url`. */
export function pathsOf(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return [...new Set(items.flatMap((item) => pathsOf(item, `${prefix}[]`)))];
  }
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, item]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [path, ...pathsOf(item, path)];
  });
}
