import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryPath, repositoryRoot } from '@fetchfleet/testing';

/** What the documents say that another machine has elsewhere: their word, and what stands for it in a test. */
export type Replacements = readonly (readonly [RegExp, string])[];

/** Programs of ours: their commands are run, whatever they are. */
const OURS = ['fetchfleet', 'fetchfleet-worker', 'fetchfleet-sample-api'];

/** They run until they are told to end: started beside the rest. */
const SERVERS = ['fetchfleet-worker', 'fetchfleet-sample-api'];

/** Commands that a test cannot run, each with its reason. Whatever is neither ours nor here fails the test. */
export const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^git /u, 'needs the network'],
  [/^npm (?:ci|start|test|run)\b/u, 'is what runs this test, or checked by CI'],
  [/^(?:docker|docker-compose) /u, 'needs a container engine: npm run test:containers'],
  [/^(?:systemctl|journalctl) /u, 'needs systemd'],
  [/^kubectl /u, 'needs a cluster'],
  [/^redis-cli /u, 'is for the Redis of the fleet'],
  [/^promtool /u, 'is run by the tests of rules and dashboards'],
];

/** Goes on until Ctrl-C: gets it after a few seconds. */
const ENDLESS = /^fetchfleet (?:origins --watch|status --watch)$/u;

/** The commands of a document's ```sh blocks, and those after a $ in ```console blocks, in order. */
export async function commandsOf(document: string): Promise<string[]> {
  const text = await readFile(join(repositoryRoot, document), 'utf8');
  const blocks = [...text.matchAll(/^```(sh|console)\n(.*?)^```$/gmsu)];
  return blocks.flatMap(([, kind, block = '']) => {
    const lines = block.replaceAll('\\\n', ' ').split('\n');
    const typed = kind === 'sh' ? lines : lines.filter((line) => line.startsWith('$ '));
    return typed.map((line) => withoutComment(line.replace(/^\$ /u, ''))).filter(Boolean);
  });
}

/** Crawl files of a document: its ```yaml blocks whose first line is `# NAME.yaml`. */
export async function crawlFilesOf(document: string): Promise<(readonly [string, string])[]> {
  const text = await readFile(join(repositoryRoot, document), 'utf8');
  return [...text.matchAll(/^```yaml\n# ([\w-]+\.yaml)\n(.*?)^```$/gmsu)].map(
    ([, name = '', body = '']) => [name, body],
  );
}

function withoutComment(line: string): string {
  return line.replace(/(?:^|\s)#\s.*$/u, '').trim();
}

/** The words of a command of ours, without npx, `name=$(…)`, pipe and redirection; undefined where it is none. */
export function ownWords(command: string): readonly string[] | undefined {
  const inner = /^\w+=\$\((.*)\)$/u.exec(command)?.[1] ?? command;
  const [first = ''] = inner.split(/\s[|>]\s?/u);
  const words = (first.match(/"[^"]*"|'[^']*'|\S+/gu) ?? []).map((word) =>
    word.replace(/^(["'])(.*)\1$/su, '$2'),
  );
  const own = words[0] === 'npx' ? words.slice(1) : words;
  return OURS.includes(own[0] ?? '') ? own : undefined;
}

export function isRunnable(command: string): boolean {
  return ownWords(command) !== undefined || /^(?:export \w+=|cd |mkdir |echo )/u.test(command);
}

/**
 * A bash script that runs the commands as a reader would, one after the other, and names the one that fails.
 * Servers are started beside the rest; BATCH is the newest batch.
 */
export function scriptOf(commands: readonly string[], replacements: Replacements): string {
  const lines = commands.flatMap((command, index) => {
    const words = ownWords(command);
    const text = replacements.reduce((all, [word, value]) => all.replaceAll(word, value), command);
    const before = /\bBATCH\b/u.test(text) ? ['BATCH=$(newest-batch)'] : [];
    const named = text.replaceAll(/\bBATCH\b/gu, '"$BATCH"');
    if (SERVERS.includes(words?.[0] ?? '')) return [...before, `${named} &`];
    const shown = `echo "+ ${index}" >&2`;
    if (ENDLESS.test(words?.join(' ') ?? '')) {
      return [...before, shown, `timeout -s INT 2 ${named}; expect-ended ${index} $?`];
    }
    return [...before, shown, named, `expect-ok ${index} $?`];
  });
  return [HEAD, ...lines, 'exit 0', ''].join('\n');
}

const HEAD = `
stop() { for pid in $(jobs -p); do kill -KILL "$pid"; done 2>/dev/null; wait; }
trap stop EXIT
newest-batch() { fetchfleet status --json | node -e '
  const { batches } = JSON.parse(require("fs").readFileSync(0));
  console.log(batches.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))[0].batch);
'; }
expect-ok() { [ "$2" -eq 0 ] || { echo "FAILED $1 with $2" >&2; exit 1; }; }
expect-ended() { [ "$2" -eq 124 ] || [ "$2" -eq 130 ] || [ "$2" -eq 0 ] || { echo "FAILED $1 with $2" >&2; exit 1; }; }
`;

/** A folder with our programs and an npx that calls them. */
export async function programsIn(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const programs = ['fetchfleet', 'fetchfleet-worker', 'fetchfleet-sample-api'];
  const texts = programs.map((name) => [
    name,
    `exec "${process.execPath}" "${binaryPath(name)}" "$@"`,
  ]);
  for (const [name = '', text = ''] of [...texts, ['npx', 'exec "$@"']]) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}
