import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../core/errors.ts';
import { LocalWorker } from './local-worker.ts';
import type { RunSettings } from '../core/settings.ts';
import type { Terminal } from '../core/terminal.ts';
import { WorkerNotices } from './worker-output.ts';

/** A worker drains within its own deadline; one that does not is stuck. */
const STOP_DEADLINE_MS = 40_000;

export interface LocalWorkersOptions {
  readonly count: number;
  /** Program and arguments of one worker. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
}

/** The worker processes of this machine, kept alive until they are told to stop. */
export class LocalWorkers {
  readonly #workers: readonly LocalWorker[];
  readonly #failure = Promise.withResolvers<never>();
  #givenUp = 0;

  constructor({ count, command, env, terminal }: LocalWorkersOptions) {
    const notices = new WorkerNotices((message) => terminal.warn(message));
    this.#failure.promise.catch(() => undefined); // nobody may be waiting any more
    this.#workers = Array.from({ length: count }, (_, position) => {
      const name = `worker ${position + 1} of ${count}`;
      return new LocalWorker({
        command,
        env,
        onLine: (line) => notices.add(line),
        onCrash: (how) => terminal.warn(`${name} ended (${how}); it is started again`),
        onGivenUp: (why) => this.#giveUp(why),
      });
    });
  }

  /** Rejects when the last worker has died too often. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  get pids(): number[] {
    return this.#workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  start(): void {
    for (const worker of this.#workers) worker.start();
  }

  /**
   * Lets them drain; resolves when all have ended. `force` kills what still runs.
   *
   * @param options.deadlineMs after which they are killed anyway. @default 40_000
   */
  async stop(
    options: { readonly force?: AbortSignal; readonly deadlineMs?: number } = {},
  ): Promise<void> {
    const kill = (): void => {
      for (const worker of this.#workers) worker.kill();
    };
    const done = new AbortController();
    const force = options.force;
    if (force?.aborted === true) kill();
    force?.addEventListener('abort', kill, { signal: done.signal });
    void sleep(options.deadlineMs ?? STOP_DEADLINE_MS, undefined, { signal: done.signal }).then(
      kill,
      () => undefined,
    );
    await Promise.all(this.#workers.map(async (worker) => worker.stop()));
    done.abort();
  }

  #giveUp(why: string): void {
    this.#givenUp += 1;
    if (this.#givenUp < this.#workers.length) return;
    this.#failure.reject(
      new CommandError(`no worker stays alive; the last one ended with ${why}`, {
        code: 'WORKERS_LOST',
      }),
    );
  }
}

/** How this machine starts the worker program: from source where we run from source. */
export function workerCommand(settings: RunSettings): [string, ...string[]] {
  const program = fileURLToPath(import.meta.resolve('@fetchfleet/worker/bin'));
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--watch'));
  return [
    process.execPath,
    ...flags,
    program,
    '--concurrency',
    String(settings.concurrency),
    '--transport',
    settings.transport,
    '--results',
    settings.results,
    '--metrics-port',
    '0',
    '--allow-private',
  ];
}
