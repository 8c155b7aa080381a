import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
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
  isRunnable,
  NOT_RUN,
  ownWords,
  programsIn,
  type Replacements,
  scriptOf,
} from './docs-fixture.ts';

closeAfterEach();

/** Their commands are run. */
const DOCUMENTS = ['README.md', 'docs/operations.md'];
const ALL_DOCUMENTS = [...DOCUMENTS, 'ARCHITECTURE.md', 'CONTRIBUTING.md'];

async function read(document: string): Promise<string> {
  return readFile(join(repositoryRoot, document), 'utf8');
}

/** The command line as it is, without doing what it is told. */
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

/** What --help of a command shows, and that of those below it. */
async function helpOf(command: Command, path: readonly string[] = []): Promise<string> {
  const texts: string[] = [];
  const program = cli(
    () => undefined,
    (text) => void texts.push(text),
  );
  // Commander throws when it has shown help.
  await program.parseAsync([...path, '--help'], { from: 'user' }).catch(() => undefined);
  const below = command.commands.map(async (one) => helpOf(one, [...path, one.name()]));
  return [...texts, ...(await Promise.all(below))].join('\n');
}

/** Whether the command line takes these words: command, options and number of arguments. */
async function isTaken(words: readonly string[]): Promise<boolean> {
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
  for (const word of words.slice(1)) command = command?.commands.find((one) => one.name() === word);
  return command !== undefined;
}

describe.each(ALL_DOCUMENTS)('%s', (document) => {
  it('shows only commands that are run by a test, or cannot be', async () => {
    const unknown = (await commandsOf(document)).filter(
      (command) => !isRunnable(command) && !NOT_RUN.some(([pattern]) => pattern.test(command)),
    );
    expect(unknown).toEqual([]);
  });

  it('shows commands, in text too, that the command line knows with these options', async () => {
    const inText = [...(await read(document)).matchAll(/`((?:npx )?fetchfleet [^`]+)`/gu)]
      .map(([, command = '']) => command)
      .filter((command) => !/--help|FILE|ORIGIN/u.test(command));
    const commands = [...(await commandsOf(document)), ...inText];
    const own = commands.map(ownWords).filter((words) => words?.[0] === 'fetchfleet');
    const refused = await Promise.all(
      own.map(async (words = []) =>
        isName(words) || (await isTaken(words)) ? [] : [words.join(' ')],
      ),
    );
    expect(refused.flat()).toEqual([]);
  });
});

it('every example of --help is a command that the command line knows', async () => {
  const help = await helpOf(cli(() => undefined));
  const examples = [...help.matchAll(/^ +((?:\w+=\$\()?fetchfleet \S.*?)(?:\s{2,}.*)?$/gmu)].map(
    ([, example = '']) => example,
  );
  expect(examples.length).toBeGreaterThan(10);
  const refused = examples.filter((example) => ownWords(example) === undefined);
  for (const words of examples.map(ownWords)) {
    if (words !== undefined && !(await isTaken(words))) refused.push(words.join(' '));
  }
  expect(refused).toEqual([]);
});

it('the commands of the documents work, one after the other', async () => {
  // Each document in a folder and a fleet of its own, hence at the same time.
  expect(await Promise.all(DOCUMENTS.map(troubleWith))).toEqual(DOCUMENTS.map(() => ''));
}, 180_000);

/** Runs the commands of a document; what went wrong, or nothing. */
async function troubleWith(document: string): Promise<string> {
  const project = await Project.create();
  const bin = await programsIn(project.folder.path);
  const replacements = await surroundings(project);
  await mkdir(project.path('.config/fish/completions'), { recursive: true });
  for (const [name, text] of await crawlFiles(document)) {
    await project.write(name, replaced(text, replacements));
  }
  const commands = (await commandsOf(document)).filter(isRunnable);
  const script = await project.write('commands.sh', scriptOf(commands, replacements));
  const running = await startProcess('bash', [script], {
    cwd: project.folder.path,
    env: {
      ...project.env,
      PATH: `${bin}:${process.env['PATH']}`,
      // The README begins without one.
      REDIS_URL: document === 'README.md' ? undefined : redisUrl(),
      // Completion is written there.
      HOME: project.path(),
      NODE_COMPILE_CACHE: project.path('compiled'),
      FETCHFLEET_ALLOW_PRIVATE: 'true',
      FETCHFLEET_METRICS_PORT: '0',
      FETCHFLEET_LOG_FORMAT: 'json',
    },
  });
  const { code } = await running.exit;
  if (code !== 0) {
    const [, index, status] = /^FAILED (\d+) with (\d+)$/mu.exec(running.stderr) ?? [];
    return `${document}: ${commands[Number(index)]} ended with ${status}\n${running.stderr.slice(-3_000)}`;
  }
  await project.remove();
  return '';
}

/** The sample API on a port of its own, and what the documents' addresses and folders are here. */
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

/** Those of the document, and two that stand for a reader's own: `large.yaml` runs until it is stopped. */
async function crawlFiles(document: string) {
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
    ...(await crawlFilesOf(document)),
    ['crawl.yaml', small] as const,
    ['large.yaml', large] as const,
  ];
}

describe('the documentation', () => {
  it('shows crawl files that are right', async () => {
    const blocks = [...(await read('README.md')).matchAll(/^```yaml\n(.*?)^```$/gmsu)];
    expect(blocks.length).toBeGreaterThan(1);
    for (const [, text = ''] of blocks) {
      expect(() => parseCrawlFile(text, 'README.md')).not.toThrow();
    }
  });

  it('lists every metric as the code has it', async () => {
    const rows = [...(await read('docs/operations.md')).matchAll(/^\| `fetchfleet_.*\|$/gmu)];
    const cells = rows.map(([row]) => row.split('|').map((cell) => cell.trim()));
    expect(
      cells.map(([, name, type, labels, scope, help]) => ({ name, type, labels, scope, help })),
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

  it('has a paragraph for every alert, and for no other', async () => {
    const rules = await read('deploy/prometheus/alerts.yml');
    const alerts = [...rules.matchAll(/^ *- alert: (\w+)$/gmu)].map(([, name]) => name);
    const [, section = ''] = (await read('docs/operations.md')).split(/^## Alerts$/mu);
    const headings = [...section.matchAll(/^### (\w+)\n\n(\*\*Means\*\* .*(?:\n.+)*)/gmu)];
    expect(headings.map(([, name]) => name)).toEqual(alerts);
    for (const [, , paragraph] of headings) expect(paragraph).toMatch(/\*\*Do\*\*/u);
  });

  it.each(ALL_DOCUMENTS)('%s links to what exists', async (document) => {
    const text = await read(document);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([\w-]+))?\)/gu)];
    const broken = await Promise.all(
      links.map(async ([link, path = '', anchor]) => {
        const target = path === '' ? text : await read(join(document, '..', path)).catch(() => '');
        const found = anchor === undefined ? target !== '' : anchorsOf(target).includes(anchor);
        return found ? [] : [link];
      }),
    );
    expect(broken.flat()).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gmu)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}
