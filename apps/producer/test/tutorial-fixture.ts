import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startProcess } from '@fetchfleet/testing';
import type { Project } from './cli-fixture.ts';
import { programsIn, readDocument, SCRIPT_HEAD, withoutComment } from './docs-fixture.ts';

/** A command of a tutorial, with what the page says that it prints. */
interface Command {
  readonly command: string;
  /** Undefined where the page shows nothing. */
  readonly output?: string;
}

/** A file that the reader writes. */
interface WrittenFile {
  readonly name: string;
  readonly text: string;
}

type Step = Command | WrittenFile;

/** What is different where a test follows a page. */
export interface Surroundings {
  /** What the page says, and what the test has in its place. */
  readonly substitutes?: readonly (readonly [string, string])[];
  /** Ports of servers that are there already, by the ports on the page. */
  readonly ports?: readonly (readonly [number, number])[];
  readonly env?: Readonly<Record<string, string>>;
}

type Substitutes = readonly (readonly [string, string])[];

/** Ports that pages name. A test has free ones in their places. */
const PORTS = [5432, 6379, 8787, 8788, 8790, 9090, 9464, 9465, 9466] as const;

/** They run until they are stopped: a reader has a terminal for each of them. */
const SERVERS =
  /^(?:npx )?(?:fetchfleet-sample-api|fetchfleet-worker|fetchfleet web|redis-server|prometheus|node \w+\.mjs)\b/u;

/** What needs a network, a container engine or a cluster. */
const ELSEWHERE = /^(?:npm install|docker|kubectl apply|kubectl -n) /u;

/** Steps in order: commands of ```sh and ```console blocks, and files by their first line. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gmsu)];
  return blocks.flatMap(([, language = '', text = '']): Step[] => {
    if (language === 'sh') {
      return commandLines(text).map((command) => ({ command }));
    }
    return language === 'console' ? consoleSteps(text) : fileStep(text);
  });
}

function commandLines(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => withoutComment(line))
    .filter((line) => line !== '');
}

function consoleSteps(text: string): Step[] {
  return text
    .split(/^\$ /mu)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.replaceAll('\\\n', ' ').split('\n');
      return { command: withoutComment(command), output: output.join('\n') };
    });
}

function fileStep(text: string): Step[] {
  const [, name] = /^(?:#|\/\/|--) ([\w./-]+\.\w+)$/mu.exec(text.split('\n', 1)[0] ?? '') ?? [];
  return name === undefined ? [] : [{ name, text }];
}

/**
 * Types a tutorial into bash, in the folder `work` of a project.
 *
 * @returns where the page is wrong: commands that failed, and outputs that are others
 */
export async function troubleWithTutorial(
  document: string,
  project: Project,
  surroundings: Surroundings = {},
): Promise<unknown[]> {
  const steps = stepsOf(await readDocument(document));
  const substitutes = [...(surroundings.substitutes ?? []), ...(await portsFor(surroundings))];
  const outputs = project.path('outputs');
  await mkdir(outputs);
  await mkdir(project.path('work'), { recursive: true });
  for (const [at, step] of steps.entries()) {
    if ('text' in step) {
      await writeFile(join(outputs, `file-${at}`), inTest(step.text, substitutes));
    }
  }
  const script = await project.write('tutorial.sh', scriptOf(steps, substitutes));
  const bash = await startProcess('bash', [project.path(script)], {
    cwd: project.path('work'),
    env: {
      ...project.env,
      OUTPUTS: outputs,
      PATH: `${await programsIn(project.folder.path)}:${process.env['PATH']}`,
      FETCHFLEET_METRICS_PORT: inTest('9464', substitutes),
      ...surroundings.env,
    },
  });
  await bash.exit;
  const failed = /^FAILED (\d+) /mu.exec(bash.stderr)?.[1];
  const trouble = await Promise.all(
    steps.map(async (step, at) => {
      const printed = await readFile(join(outputs, String(at)), 'utf8').catch(() => '');
      const output = onPage(printed, substitutes);
      const isRight = String(at) !== failed && isAsShown(output, step);
      return isRight || at > Number(failed ?? steps.length) ? [] : [{ ...step, printed: output }];
    }),
  );
  return trouble.flat();
}

/** Ports of the page, and those of the test. */
async function portsFor({ ports = [] }: Surroundings): Promise<Substitutes> {
  const known = new Map(ports);
  return Promise.all(
    PORTS.map(
      async (port) => [String(port), String(known.get(port) ?? (await freePort()))] as const,
    ),
  );
}

/** A text of the page, as it is in the test. */
function inTest(text: string, substitutes: Substitutes): string {
  return exchanged(text, substitutes);
}

/** What was printed in the test, as it is on the page. */
function onPage(text: string, substitutes: Substitutes): string {
  return exchanged(
    text,
    substitutes.map(([page, test]) => [test, page]),
  );
}

/** All at once, because a free port may be one of the page. */
function exchanged(text: string, pairs: Substitutes): string {
  const found = pairs.map(([from]) => (/^\d+$/u.test(from) ? `\\b${from}\\b` : escaped(from)));
  const to = new Map(pairs);
  return text.replaceAll(new RegExp(found.join('|'), 'gu'), (word) => to.get(word) ?? word);
}

/** BATCH is the id that was printed last. A server is ready before the next command begins. */
function scriptOf(steps: readonly Step[], substitutes: Substitutes): string {
  const lines = steps.flatMap((step, at) => {
    if ('text' in step) {
      return [`cp "$OUTPUTS/file-${at}" ${step.name}`];
    }
    if (ELSEWHERE.test(step.command)) {
      return [];
    }
    const text = inTest(withPort(step.command), substitutes);
    const command = text.replaceAll(/\bBATCH\b/gu, '"$BATCH"');
    const to = `> "$OUTPUTS/${at}" 2>&1`;
    if (SERVERS.test(text)) {
      return [`${command} ${to} &`, `expect-ready ${at} $!`];
    }
    // Where the page shows what a command prints, that says whether it has failed, as on the page.
    const expected = step.output === undefined ? [`expect-ok ${at} $?`] : [];
    return [`{ ${command}\n} ${to}`, ...expected, `note-batch ${at}`];
  });
  return [SCRIPT_HEAD, FUNCTIONS, ...lines, 'exit 0', ''].join('\n');
}

/** Names the ports that servers have by themselves. */
function withPort(command: string): string {
  return command
    .replace(/^(npx fetchfleet-sample-api)/u, '$1 --port 8787')
    .replace(/^(redis-server)/u, '$1 --port 6379 --bind 127.0.0.1');
}

/**
 * Waits until a server says that it is ready. Servers end with the script, whatever ends it: this
 * process looks for the script once a second.
 */
const FUNCTIONS = `
touch "$OUTPUTS/servers"
{ while kill -0 $$; do sleep 1; done; kill -KILL $(cat "$OUTPUTS/servers"); } 2>/dev/null &
expect-ready() {
  echo "$2" >> "$OUTPUTS/servers"
  until grep -qiE 'ready|on http' "$OUTPUTS/$1"; do
    kill -0 "$2" 2>/dev/null || { echo "FAILED $1 " >&2; exit 1; }
    sleep 0.1
  done
}
note-batch() {
  printed=$(grep -oE '[a-z][a-z0-9-]*-[0-9]{8}-[0-9]{4}-[a-z0-9]+' "$OUTPUTS/$1" | head -n 1)
  BATCH=\${printed:-$BATCH}
}
`;

/**
 * Whether a command has printed what the page shows; `…` stands for any text in a line, and for any
 * lines where it is a line. Servers may have printed more.
 */
function isAsShown(printed: string, step: Step): boolean {
  if ('text' in step || step.output === undefined) {
    return true;
  }
  const lines = comparable(step.output).map((line) =>
    line === '…' ? '(?:.*\n)*?' : `${line.split(/ ?… ?/u).map(escaped).join('.*')}\n`,
  );
  const text = comparable(printed).map((line) => `${line}\n`);
  const end = SERVERS.test(step.command) ? '' : '$';
  return new RegExp(`^${lines.join('')}${end}`, 'u').test(text.join(''));
}

/** A pattern of exactly this text. */
function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/gu, String.raw`\$&`);
}

/** Lines without what is another one in every run: times, ids, speeds, the width of columns. */
function comparable(text: string): string[] {
  return (
    text
      .replaceAll(/-\d{8}-\d{4}-[a-z0-9]{4,8}\b/gu, '-ID')
      // A time on the minute has no seconds.
      .replaceAll(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?/gu, 'TIME')
      .replaceAll(/\b\d\d:\d\d:\d\d(?:\.\d+)?Z?/gu, 'TIME')
      .replaceAll(/\bw-[0-9a-f]{8}\b/gu, 'WORKER')
      .replaceAll(/\b[\w.-]+\/\d+ /gu, 'HOST/PID ')
      .replaceAll(/[\d.]+× faster/gu, '')
      .replaceAll(/"durationMs": ?[\d.]+/gu, '"durationMs": TIME')
      .replaceAll(/\b[\d.,]+\/s/gu, 'SPEED')
      .replaceAll(/\b[\d.]+ ?(?:ms|s|min|h)\b/gu, 'TIME')
      .replaceAll(/\b[\d.]+ (?:k|M|G)?B\b/gu, 'SIZE')
      .replaceAll(/[-─]{2,}/gu, '-')
      .split('\n')
      .map((line) =>
        line
          .replaceAll(/\s+/gu, ' ')
          .replaceAll(/TIME(?: TIME)+/gu, 'TIME')
          .trim(),
      )
      .filter((line) => line !== '' && !NOW_AND_THEN.test(line))
  );
}

/** What a command prints while it waits, and what bash says of a server that was killed. */
const NOW_AND_THEN = /^[\w-]+: \d+ of \d+ \(\d+%\)|^copying |: line \d+: \d+ Killed /u;
