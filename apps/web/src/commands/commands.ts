import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TemporaryFolder } from '@fetchfleet/crawl';
import type { Logger, Span, Tracing } from '@fetchfleet/service';
import type { CommandAnswer } from '../api/documents.ts';
import { commandLineOf, CRAWL_FILE, type ValidRequest } from './command-line.ts';
import { crawlFileProblems } from './crawl-file-problems.ts';
import { Places } from './places.ts';
import type { Program } from './program.ts';

/** Enqueuing a large batch takes longest. */
const TIMEOUT_MS = 600_000;
const MAX_MESSAGES = 200;
export interface CommandsOptions {
  readonly program: Program;
  readonly log: Logger;
  /** Where each command has a folder of its own while it runs. @default that of the machine */
  readonly temporaryFolder?: string | undefined;
  /** Nothing is read elsewhere for a crawl file, either. */
  readonly readOnly: boolean;
  /** @default nothing is traced */
  readonly tracing?: Tracing | undefined;
}

/** Changes: each is a command of the command line, which knows how to do it in order. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #places = new Places({ atOnce: 3, waiting: 12 });
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /**
   * @param by address of the viewer
   * @throws HttpError if the request is wrong
   */
  async run(request: ValidRequest, by: string): Promise<CommandAnswer> {
    const args = commandLineOf(request);
    const problems =
      request.crawlFile === undefined ? [] : crawlFileProblems(request.crawlFile, this.#options);
    if (problems.length > 0) {
      return { ok: false, document: null, messages: problems.slice(0, MAX_MESSAGES) };
    }
    const work = this.#places.hold(async () => this.#run(request, args, by));
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Lets the commands that run end in order: nothing of theirs is left behind. Twice is fine. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#running);
  }

  async #run(request: ValidRequest, args: readonly string[], by: string): Promise<CommandAnswer> {
    const startedAt = performance.now();
    const { program, temporaryFolder } = this.#options;
    const span = this.#startSpan(request);
    await using folder = await TemporaryFolder.create('command', temporaryFolder);
    try {
      if (request.crawlFile !== undefined) {
        await writeFile(join(folder.path, CRAWL_FILE), request.crawlFile, { mode: 0o600 });
      }
      const ended = await program.run(args, {
        cwd: folder.path,
        signal: AbortSignal.any([this.#ending.signal, AbortSignal.timeout(TIMEOUT_MS)]),
        surroundings: surroundingsOf(request),
        by: `the page (${by})`,
        trace: span?.context,
      });
      const answer = {
        ok: ended.exitCode === 0,
        document: documentIn(ended.stdout),
        messages: linesOf(ended.stderr.replaceAll(`${folder.path}/`, '')),
      };
      span?.set({ 'process.exit.code': ended.exitCode ?? undefined });
      const tookMs = performance.now() - startedAt;
      this.#note(request, { by, isOk: answer.ok, tookMs, ids: span?.ids });
      return answer;
    } finally {
      span?.end();
    }
  }

  /** Batches that the command starts link to it. */
  #startSpan({ command, target }: ValidRequest): Span | undefined {
    return this.#options.tracing?.start('run command', {
      attributes: { 'fetchfleet.command': command, 'fetchfleet.target': target },
    });
  }

  #note({ command, target, options }: ValidRequest, { by, isOk, tookMs, ids }: Noted): void {
    this.#options.log.info(
      { by, command, target, options, ok: isOk, tookMs: Math.round(tookMs), ...ids },
      'a command was run from the page',
    );
  }
}

interface Noted {
  readonly by: string;
  readonly isOk: boolean;
  readonly tookMs: number;
  readonly ids: Span['ids'] | undefined;
}

function surroundingsOf({ command, crawlFile }: ValidRequest) {
  if (command === 'fetch-again') {
    return 'everything'; // it sends no other secrets than a worker would
  }
  return crawlFile === undefined ? 'results' : 'fleet';
}

function documentIn(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return null;
  }
}

function linesOf(stderr: string): string[] {
  return stderr
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(0, MAX_MESSAGES);
}
