import { mkdir } from 'node:fs/promises';
import { closeAfterEach, freePort, redisUrl, startProcess } from '@fetchfleet/testing';
import { expect, it } from '@jest/globals';
import { Project } from './cli-fixture.ts';
import {
  commandsOf,
  crawlFilesOf,
  type DocumentedCommand,
  isRunnable,
  isTutorial,
  listDocuments,
  pathsOf,
  programsIn,
  readDocument,
  type Replacements,
  scriptOf,
  sectionOf,
  tableRows,
} from './docs-fixture.ts';

closeAfterEach();

/** Their commands are not for users, or are links to other places. */
const NOT_EXECUTED = ['CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'ARCHITECTURE.md'];
/** It begins without Redis, so it gets a folder of its own. */
const START_PAGE = 'README.md';
const REFERENCE = listDocuments().filter(
  (one) => one !== START_PAGE && !NOT_EXECUTED.includes(one) && !isTutorial(one),
);

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
  const origin = await anOrigin(project);
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
    const command = heading.replaceAll('BATCH', batch).replaceAll('ORIGIN', origin);
    const { stdout, stderr } = await project.run(command.split(' '));
    if (!stdout.startsWith('{')) {
      problems.push(`${heading} prints no document: ${stderr}`);
      continue;
    }
    // Some print one document a line.
    const printed = pathsOf(JSON.parse(stdout.split('\n')[0] ?? ''));
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

/** Fetched from by the commands of the documents. */
async function anOrigin(project: Project): Promise<string> {
  const { stdout } = await project.run(['origins', '--json']);
  return /"origin":"(http:[^"]+)"/u.exec(stdout)?.[1] ?? '';
}

async function idOf(name: string, project: Project): Promise<string> {
  const { stdout } = await project.run(['batches', '--json']);
  return new RegExp(`"batch":"(${name}-[^"]+)"`, 'u').exec(stdout)?.[1] ?? '';
}
