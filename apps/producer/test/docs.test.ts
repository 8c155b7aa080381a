import { globSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { InputError } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { CATALOGUE } from '@fetchfleet/service';
import { closeAfterEach, repositoryRoot, startProcess } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { EXIT_CODES } from '../src/core/errors.ts';
import { buildCli } from '../src/program/program.ts';
import { Interrupts } from '../src/core/interrupts.ts';
import { Terminal } from '../src/core/terminal.ts';
import {
  commandsOf,
  isNotRun,
  isRunnable,
  isTutorial,
  listDocuments,
  ownWords,
  readDocument,
  sectionOf,
  tableRows,
} from './docs-fixture.ts';

closeAfterEach();

const DOCUMENTS = listDocuments();
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
    // All commands of a tutorial are run.
    const commands = isTutorial(document) ? [] : await commandsOf(document);
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
      .filter((text) => /^(?:url|urls):/mu.test(text));
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

  it('has no table that a blank line cuts in two', async () => {
    const lines = (await readDocument(document)).split('\n');
    const cut = lines.filter(
      (line, at) =>
        line.startsWith('|') &&
        !lines[at - 1]?.startsWith('|') &&
        !/^\|[ :|-]+\|$/u.test(lines[at + 1] ?? ''),
    );
    expect(cut).toEqual([]);
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

it('a short form means the same in all commands, and none lacks it', () => {
  const all = optionsOf(cli(() => undefined));
  const names = new Map(all.flatMap(({ long, short }) => (short ? [[long, short]] : [])));
  expect(new Set(names.values()).size).toBe(names.size);
  const different = all.filter(({ long, short }) => names.get(long) !== short);
  expect(different.map(({ flags }) => flags)).toEqual([]);
  expect(names).toEqual(
    new Map([
      ...names,
      ['--workers', '-w'],
      ['--concurrency', '-c'],
      ['--limit', '-n'],
      ['--format', '-f'],
    ]),
  );
});

function optionsOf(command: Command): Command['options'] {
  return [...command.options, ...command.commands.flatMap(optionsOf)];
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

  it('lists every error code of commands below its exit status', async () => {
    const sections = (await readDocument('docs/errors.md')).split(/^## /mu).slice(1);
    const documented = sections.flatMap((section) => {
      const status = Number(/Exit status (\d)/u.exec(section)?.[1]);
      const codes = tableRows(section).map(([cell = '']) => /^`(\w+)`$/u.exec(cell)?.[1]);
      return codes.flatMap((code) => (code === undefined ? [] : [[code, status]]));
    });
    expect(Object.fromEntries(documented)).toEqual(EXIT_CODES);
  });

  it('lists every setting of a worker with its variable and default', async () => {
    const section = sectionOf(await readDocument('docs/operations.md'), '## Settings of a worker');
    const rows = tableRows(section).filter(([option]) => option?.startsWith('`--'));
    const documented = rows.map((row) => row.slice(0, 3).map((cell) => cell.replaceAll('`', '')));
    const help = await startProcess('fetchfleet-worker', ['--help']);
    await help.exit;
    expect(documented).toEqual(settingsIn(help.stdout));
  });

  it('lists every setting of the page with its variable and default', async () => {
    const rows = tableRows(sectionOf(await readDocument('docs/web.md'), '## Settings'));
    const documented = rows
      .filter(([option]) => option?.startsWith('`--'))
      .map((row) => row.slice(0, 3).map((cell) => cell.replaceAll('`', '')));
    const help = await startProcess('fetchfleet-web', ['--help']);
    await help.exit;
    expect(documented).toEqual(settingsIn(help.stdout));
  });

  it('lists every key of a crawl file', async () => {
    const section = sectionOf(await readDocument('docs/crawl-file.md'), '## Keys');
    const documented = tableRows(section)
      .map(([key = '']) => /^`([\w.]+)`$/u.exec(key)?.[1])
      .filter((key) => key !== undefined);
    expect(documented.toSorted()).toEqual(allowedKeys().toSorted());
    expect([...schemaKeys().keys()].toSorted()).toEqual(documented.toSorted());
    expect(documented.length).toBeGreaterThan(30);
  });

  it('names every key inside of these', async () => {
    const pages = await Promise.all(
      ['docs/crawl-file.md', 'docs/pages.md', 'docs/notifications.md'].map(readDocument),
    );
    const receiver = readSchema().definitions?.['receiver'] ?? {};
    const keys: [string, SchemaPart][] = [...schemaKeys(), ['notify', receiver]];
    const inner = keys.flatMap(([key, part]) => innerKeys(key, part));
    expect(inner).toEqual(
      expect.arrayContaining([
        'network.tls.ca',
        'auth.oauth2.audience',
        'paginate.next.step',
        'paginate.until.empty',
        'notify.secret',
      ]),
    );
    const isNamed = (path: string): boolean => {
      const [key = ''] = path.split('.').slice(-1);
      return new RegExp(`[{, ]${key}: |\`(?:[\\w.]+\\.)?${key}\``, 'u').test(pages.join('\n'));
    };
    expect(inner.filter((path) => !isNamed(path))).toEqual([]);
  });

  it('gives the keys of a crawl file the defaults of the schema, and explains what it lists', async () => {
    const page = await readDocument('docs/crawl-file.md');
    const rows = tableRows(sectionOf(page, '## Keys'));
    const defaults = rows.map(
      ([key = '', value = '']) => [key, value.replaceAll('`', '')] as const,
    );
    const given = [...schemaKeys()].flatMap(([key, { default: value }]) =>
      value === undefined ? [] : [[`\`${key}\``, String(value)]],
    );
    expect(given.length).toBeGreaterThan(10);
    expect(defaults).toEqual(expect.arrayContaining(given));
    expect(parameterKeys()).toEqual(expect.arrayContaining(['from', 'step', 'batch', 'select']));
    for (const name of parameterKeys()) {
      expect(page).toMatch(new RegExp(`[{, ]${name}: |\`${name}\``, 'u'));
    }
  });

  it('names a test for every promise, by its title', async () => {
    const page = await readDocument('docs/promises.md');
    const tests = [...page.matchAll(/\[([^\]]+)\]\((\.\.\/\S+\.test\.ts)\)/gu)];
    const missing = await Promise.all(
      tests.map(async ([, title = '', path = '']) =>
        (await readDocument(join('docs', path))).includes(`it('${title}'`) ? [] : [title],
      ),
    );
    expect(missing.flat()).toEqual([]);
    expect(tests.length).toBeGreaterThan(15);
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

/** Their keys stand where the documentation tells of list files, and of notifications. */
const ELSEWHERE = ['urls', 'rows', 'notify'];
interface SchemaPart {
  readonly default?: string | number | boolean;
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly anyOf?: readonly SchemaPart[];
  readonly definitions?: Readonly<Record<string, SchemaPart>>;
}

function readSchema(): SchemaPart {
  return JSON.parse(readFileSync(join(repositoryRoot, 'packages/crawl/crawl.schema.json'), 'utf8'));
}

/** The keys of the schema, those of sections as `section.key`. */
function schemaKeys(): ReadonlyMap<string, SchemaPart> {
  const keys = new Map<string, SchemaPart>();
  for (const [name, part] of Object.entries(readSchema().properties ?? {})) {
    const inner = Object.entries(part.properties ?? {});
    for (const [key, one] of inner.length === 0 ? [['', part] as const] : inner) {
      keys.set(key === '' ? name : `${name}.${key}`, one);
    }
  }
  return keys;
}

/** All keys below one, in all of its forms, with their paths. */
function innerKeys(path: string, part: SchemaPart): string[] {
  const own = Object.entries(part.properties ?? {}).flatMap(([key, one]) => {
    const inner = `${path}.${key}`;
    return [inner, ...innerKeys(inner, one)];
  });
  return [...own, ...(part.anyOf ?? []).flatMap((form) => innerKeys(path, form))];
}

/** The keys of all forms of a parameter. */
function parameterKeys(): readonly string[] {
  const forms = readSchema().definitions?.['parameter']?.anyOf ?? [];
  return forms.flatMap(({ properties = {} }) => Object.keys(properties));
}

/** The keys that the parser allows, as its messages about unknown keys list them. */
function allowedKeys(): string[] {
  const sections = allowedIn('zzzzzz: 1');
  return sections.flatMap((section) => {
    if (ELSEWHERE.includes(section)) {
      return [section];
    }
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
