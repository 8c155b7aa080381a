import { globSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { InputError } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { CATALOGUE } from '@fetchfleet/service';
import {
  closeAfterEach,
  freePort,
  redisUrl,
  repositoryRoot,
  startProcess,
} from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { buildCli } from '../src/program/program.ts';
import { Interrupts } from '../src/core/interrupts.ts';
import { Terminal } from '../src/core/terminal.ts';
import { Project } from './cli-fixture.ts';
import {
  commandsOf,
  crawlFilesOf,
  type DocumentedCommand,
  isNotRun,
  isRunnable,
  listDocuments,
  ownWords,
  pathsOf,
  programsIn,
  readDocument,
  type Replacements,
  scriptOf,
  sectionOf,
  tableRows,
} from './docs-fixture.ts';

closeAfterEach();

const DOCUMENTS = listDocuments();
/** Their commands are not for users, or are links to other places. */
const NOT_EXECUTED = ['CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'ARCHITECTURE.md'];
/** It begins without Redis, so it gets a folder of its own. */
const START_PAGE = 'README.md';
const REFERENCE = DOCUMENTS.filter((one) => one !== START_PAGE && !NOT_EXECUTED.includes(one));
/** Prose is wrapped here. Tables, code and lines that are one link may be longer. */
const MAX_COLUMNS = 100;

/** The command line as it is. It parses, but runs nothing. */
function cli(onCall: () => void, onOutput: (text: string) => void = () => undefined): Command {
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      onOutput(String(chunk));
      done();
    },
  });
  const terminal = new Terminal({ stdout: output, stderr: output });
  const context = { env: {}, cwd: '/', terminal, interrupts: new Interrupts(() => undefined) };
  return buildCli(
    context,
    async () => {
      onCall();
    },
    '0.0.0',
  );
}

/** What --help of a command and of its subcommands prints. */
async function helpOf(command: Command, path: readonly string[] = []): Promise<string> {
  const texts: string[] = [];
  const program = cli(
    () => undefined,
    (text) => void texts.push(text),
  );
  // Commander throws after it has printed help.
  await program.parseAsync([...path, '--help'], { from: 'user' }).catch(() => undefined);
  const below = command.commands.map(async (one) => helpOf(one, [...path, one.name()]));
  return [...texts, ...(await Promise.all(below))].join('\n');
}

/** Whether the command line accepts these words: command, options and number of arguments. */
async function isAccepted(words: readonly string[]): Promise<boolean> {
  let called = false;
  try {
    const program = cli(() => {
      called = true;
    });
    await program.parseAsync(words.slice(1), { from: 'user' });
  } catch {
    return false;
  }
  return called;
}

/** Whether these words are the name of a command and no more, as in a sentence about it. */
function isName(words: readonly string[]): boolean {
  let command: Command | undefined = cli(() => undefined);
  for (const word of words.slice(1)) {
    command = command?.commands.find((one) => one.name() === word);
  }
  return command !== undefined;
}

describe.each(DOCUMENTS)('%s', (document) => {
  it('shows only commands that a test runs, or that are listed with a reason', async () => {
    const commands = await commandsOf(document);
    const unknown = commands.filter((command) => !isRunnable(command) && !isNotRun(command));
    expect(unknown).toEqual([]);
  });

  it('shows commands, also in text, that the command line accepts with these options', async () => {
    const inText = [...(await readDocument(document)).matchAll(/`((?:npx )?fetchfleet [^`]+)`/gu)]
      .map(([, command = '']) => command.replaceAll('\n', ' '))
      .filter((command) => !/--help|FILE|ORIGIN|COMMAND/u.test(command));
    const commands = (await commandsOf(document)).filter((command) => !isNotRun(command));
    const own = [...commands, ...inText]
      .map(ownWords)
      .filter((words) => words?.[0] === 'fetchfleet');
    const refused = await Promise.all(
      own.map(async (words = []) =>
        isName(words) || (await isAccepted(words)) ? [] : [words.join(' ')],
      ),
    );
    expect(refused.flat()).toEqual([]);
  });

  it('shows crawl files that are valid', async () => {
    const blocks = [...(await readDocument(document)).matchAll(/^```yaml\n(.*?)^```$/gmsu)]
      .map(([, text = '']) => text)
      .filter((text) => /^url:/mu.test(text));
    for (const text of blocks) {
      expect(() => parseCrawlFile(text, document)).not.toThrow();
    }
  });

  it('links to files and headings that exist', async () => {
    const text = await readDocument(document);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)/gu)];
    const broken = await Promise.all(
      links.map(async ([link, path = '', anchor]) =>
        (await isThere(document, path, anchor)) ? [] : [link],
      ),
    );
    expect(broken.flat()).toEqual([]);
  });

  it('is wrapped at 100 columns', async () => {
    const prose = (await readDocument(document)).replaceAll(/^```.*?^```$/gmsu, '');
    const long = prose
      .split('\n')
      .filter((line) => line.length > MAX_COLUMNS && !/^(?:\||!?\[)/u.test(line));
    expect(long).toEqual([]);
  });
});

async function isThere(document: string, path: string, anchor?: string): Promise<boolean> {
  const target = path === '' ? document : join(dirname(document), path);
  if (anchor !== undefined) {
    return anchorsOf(await readDocument(target).catch(() => '')).includes(anchor);
  }
  return stat(join(repositoryRoot, target)).then(
    () => true,
    () => false,
  );
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gmu)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

it('every example of --help is a command that the command line accepts', async () => {
  const help = await helpOf(cli(() => undefined));
  const examples = [...help.matchAll(/^ +((?:\w+=\$\()?fetchfleet \S.*?)(?:\s{2,}.*)?$/gmu)].map(
    ([, example = '']) => example,
  );
  expect(examples.length).toBeGreaterThan(10);
  const refused = examples.filter((example) => ownWords(example) === undefined);
  for (const words of examples.map(ownWords)) {
    if (words !== undefined && !(await isAccepted(words))) {
      refused.push(words.join(' '));
    }
  }
  expect(refused).toEqual([]);
});

it('the commands of the pages work, and print the documented JSON', async () => {
  // They mostly wait for processes, so both run at the same time.
  expect(await Promise.all([troubleWithStartPage(), troubleWithReference()])).toEqual([[], []]);
});

async function troubleWithStartPage(): Promise<string[]> {
  const project = await Project.create();
  const trouble = await troubleWith([START_PAGE], project);
  await project.remove();
  return trouble;
}

/** Workers fetch for these pages from the first command on. */
async function troubleWithReference(): Promise<string[]> {
  const project = await Project.create(redisUrl());
  const worker = await project.start(['--metrics-port', '0', '--allow-private'], {
    command: 'fetchfleet-worker',
  });
  const trouble = await troubleWith(REFERENCE, project);
  if (trouble.length === 0) {
    trouble.push(...(await undocumentedKeys(project)));
  }
  await worker.kill('SIGTERM');
  await project.remove();
  return trouble;
}

/** Runs the commands of documents; what went wrong, or nothing. */
async function troubleWith(documents: readonly string[], project: Project): Promise<string[]> {
  const bin = await programsIn(project.folder.path);
  const replacements = await surroundings(project);
  await mkdir(project.path('.config/fish/completions'), { recursive: true });
  for (const [name, text] of await crawlFiles(documents)) {
    await project.write(name, replaced(text, replacements));
  }
  const commands = await runnableCommands(documents);
  const texts = commands.map(({ command }) => command);
  const script = await project.write('commands.sh', scriptOf(texts, replacements));
  const running = await startProcess('bash', [script], {
    cwd: project.folder.path,
    env: {
      ...project.env,
      PATH: `${bin}:${process.env['PATH']}`,
      // Completion is written there.
      HOME: project.path(),
      NODE_COMPILE_CACHE: project.path('compiled'),
      FETCHFLEET_ALLOW_PRIVATE: 'true',
      FETCHFLEET_METRICS_PORT: '0',
      FETCHFLEET_LOG_FORMAT: 'json',
    },
  });
  const { code } = await running.exit;
  if (code === 0) {
    return [];
  }
  const [, index, status] = /^FAILED (\d+) with (\d+)$/mu.exec(running.stderr) ?? [];
  const { document, command } = commands[Number(index)] ?? { document: '?', command: '?' };
  return [`${document}: ${command} ended with ${status}\n${running.stderr.slice(-3_000)}`];
}

async function runnableCommands(documents: readonly string[]): Promise<DocumentedCommand[]> {
  const lists = documents.map(async (document) =>
    (await commandsOf(document)).filter(isRunnable).map((command) => ({ document, command })),
  );
  return (await Promise.all(lists)).flat();
}

/** The sample API on a free port, and what replaces the addresses and folders of documents. */
async function surroundings(project: Project): Promise<Replacements> {
  const port = await freePort();
  const api = await project.start(['--port', String(port)], { command: 'fetchfleet-sample-api' });
  await api.waitForLine(new RegExp(String(port), 'u'));
  return [
    [/(127\.0\.0\.1|localhost):8787/gu, `$1:${port}`],
    [/redis:\/\/(?:redis\.example|127\.0\.0\.1):6379/gu, redisUrl()],
    [/\/mnt\/results/gu, project.path('results')],
  ];
}

function replaced(text: string, replacements: Replacements): string {
  return replacements.reduce((all, [word, value]) => all.replaceAll(word, value), text);
}

/** Crawl files of the documents, and two of a reader's own. `large.yaml` runs until stopped. */
async function crawlFiles(documents: readonly string[]) {
  const small = [
    'url: http://127.0.0.1:8787/country/{country}/status/confirmed',
    'params: { country: [norway, kenya, peru, japan] }',
    'contact: crawler@example.com',
    'network: { allowPrivate: true }',
    '',
  ].join('\n');
  const large = small
    .replace('[norway, kenya, peru, japan]', '{ countries: slug }')
    .replace('network', 'politeness: { rate: 1/s }\nnetwork')
    .replaceAll('127.0.0.1', 'localhost');
  return [
    ...(await Promise.all(documents.map(crawlFilesOf))).flat(),
    ['crawl.yaml', small] as const,
    ['large.yaml', large] as const,
  ];
}

/** Keys that only a command prints, and top-level keys that only `docs/commands.md` lists. */
async function undocumentedKeys(project: Project): Promise<string[]> {
  const text = await readDocument('docs/commands.md');
  const batch = await idOf('typo', project);
  const headings = [...text.matchAll(/^### `(.+ --json)`$/gmu)].map(([, heading = '']) => heading);
  expect(headings.length).toBeGreaterThan(6);
  const statusKeys = keysIn(sectionOf(text, '### `status BATCH --json`')).map(([key]) => key);
  const problems: string[] = [];
  for (const heading of headings) {
    const rows = keysIn(sectionOf(text, `### \`${heading}\``));
    const documented = rows.flatMap(([key, meaning]) =>
      meaning.includes('(#status-batch---json)') && heading.startsWith('batches')
        ? [key, ...statusKeys.map((inner) => `${key}[].${inner}`)]
        : [key],
    );
    const { stdout, stderr } = await project.run(heading.replace('BATCH', batch).split(' '));
    if (!stdout.startsWith('{')) {
      problems.push(`${heading} prints no document: ${stderr}`);
      continue;
    }
    const printed = pathsOf(JSON.parse(stdout));
    const missing = documented.filter((key) => /^\w+$/u.test(key) && !printed.includes(key));
    const extra = printed.filter((path) => !isDocumented(path, documented));
    problems.push(...[...missing, ...extra].map((key) => `${heading}: ${key}`));
  }
  return problems;
}

/** Key and meaning of each row of the first table. */
function keysIn(section: string): (readonly [string, string])[] {
  return tableRows(section).flatMap(([key = '', meaning = '']) =>
    key.startsWith('`') ? [[key.replaceAll('`', ''), meaning] as const] : [],
  );
}

/** A key may stand for all that is in it if nothing in it is listed. */
function isDocumented(path: string, documented: readonly string[]): boolean {
  if (documented.includes(path)) {
    return true;
  }
  const parts = path.split('.');
  const parents = parts.map((_, length) => parts.slice(0, length).join('.')).filter(Boolean);
  const nearest = parents.findLast((parent) => documented.includes(parent.replace(/\[\]$/u, '')));
  return (
    nearest !== undefined &&
    !documented.some((key) => key.startsWith(`${nearest}.`) || key.startsWith(`${nearest}[]`))
  );
}

async function idOf(name: string, project: Project): Promise<string> {
  const { stdout } = await project.run(['batches', '--json']);
  return new RegExp(`"batch":"(${name}-[^"]+)"`, 'u').exec(stdout)?.[1] ?? '';
}

describe('the documentation', () => {
  it('lists every metric as the code has it', async () => {
    const section = sectionOf(await readDocument('docs/metrics.md'), '## Metrics');
    const rows = tableRows(section).filter(([name]) => name?.startsWith('`fetchfleet_'));
    expect(
      rows.map(([name, type, labels, scope, help]) => ({ name, type, labels, scope, help })),
    ).toEqual(
      Object.values(CATALOGUE).map(({ name, type, labels, scope, help }) => ({
        name: `\`${name}\``,
        type,
        labels: labels.map((label) => `\`${label}\``).join(', '),
        scope,
        help,
      })),
    );
  });

  it('has a section for every alert, and for no other', async () => {
    const rules = await readDocument('deploy/prometheus/alerts.yml');
    const alerts = [...rules.matchAll(/^ *- alert: (\w+)$/gmu)].map(([, name]) => name);
    const section = sectionOf(await readDocument('docs/metrics.md'), '## Alerts');
    const headings = [...section.matchAll(/^### (\w+)\n\n(\*\*Means\*\*: .*(?:\n.+)*)/gmu)];
    expect(headings.map(([, name]) => name)).toEqual(alerts);
    for (const [, , paragraph] of headings) {
      expect(paragraph).toMatch(/\*\*Do\*\*/u);
    }
  });

  it('lists every setting of a worker with its variable and default', async () => {
    const section = sectionOf(await readDocument('docs/operations.md'), '## Settings of a worker');
    const rows = tableRows(section).filter(([option]) => option?.startsWith('`--'));
    const documented = rows.map((row) => row.slice(0, 3).map((cell) => cell.replaceAll('`', '')));
    const help = await startProcess('fetchfleet-worker', ['--help']);
    await help.exit;
    expect(documented).toEqual(settingsIn(help.stdout));
  });

  it('lists every key of a crawl file', async () => {
    const section = sectionOf(await readDocument('docs/crawl-file.md'), '## Keys');
    const documented = tableRows(section)
      .map(([key = '']) => /^`([\w.]+)`$/u.exec(key)?.[1])
      .filter((key) => key !== undefined);
    expect(documented.toSorted()).toEqual(allowedKeys().toSorted());
  });

  it('has every folder of sources on its map', async () => {
    const section = sectionOf(await readDocument('ARCHITECTURE.md'), '## Map of the folders');
    const documented = tableRows(section)
      .map(([cell = '']) => /`([\w/-]+?)\/?`/u.exec(cell)?.[1])
      .filter((folder) => folder !== undefined);
    const files = globSync('{apps,packages}/*/src/**/*.ts', { cwd: repositoryRoot });
    const folders = new Set(files.map((file) => dirname(file)));
    expect(documented.toSorted()).toEqual([...folders].toSorted());
  });
});

/** Option, variable and default of every setting in a help text. */
function settingsIn(help: string): string[][] {
  const entries = help.split(/^ {2}(?=-)/mu).map((entry) => entry.replaceAll(/\s+/gu, ' '));
  return entries.flatMap((entry) => {
    const option = /^--[\w-]+/u.exec(entry)?.[0];
    if (option === undefined) {
      return [];
    }
    const variable = /env: (\w+)/u.exec(entry)?.[1] ?? '';
    const value = /default: "?([^",)]*)/u.exec(entry)?.[1] ?? '';
    return [[option, variable, value]];
  });
}

/** The keys that the parser allows, as its messages about unknown keys list them. */
function allowedKeys(): string[] {
  const sections = allowedIn('zzzzzz: 1');
  return sections.flatMap((section) => {
    const inner = allowedIn(`${section}: { zzzzzz: 1 }`, `${section}.zzzzzz`);
    return inner.length === 0 ? [section] : inner.map((key) => `${section}.${key}`);
  });
}

function allowedIn(text: string, key = 'zzzzzz'): string[] {
  try {
    parseCrawlFile(`url: https://api.example/\n${text}\n`, 'crawl.yaml');
  } catch (error) {
    if (!(error instanceof InputError)) {
      throw error;
    }
    const problem = error.problems.find((one) => one.key === key);
    return /allowed: (.+)$/u.exec(problem?.message ?? '')?.[1]?.split(', ') ?? [];
  }
  return [];
}
