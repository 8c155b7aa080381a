import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseDurationMs, type SecretRules } from '@fetchfleet/crawl';
import { UNCHECKED_TLS } from '@fetchfleet/service/unchecked-tls';
import { CommandError } from '../core/errors.ts';
import { type GivenUpCause, LocalWorker } from './local-worker.ts';
import type { RunSettings } from '../core/settings.ts';
import type { Terminal } from '../core/terminal.ts';
import { WorkerNotices } from './worker-output.ts';

/** A worker drains within FETCHFLEET_DRAIN_TIMEOUT, 20 s unless it is set. */
const MIN_STOP_TIMEOUT_MS = 40_000;
/** What a worker needs to end besides its drain timeout. */
const STOP_MARGIN_MS = 20_000;
/** From a worker that is ready to the start of the next; most small batches have ended by then. */
const NEXT_AFTER_MS = 500;

export interface LocalWorkersOptions {
  readonly count: number;
  /** Program and arguments of one worker. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  /** How many processes may start at the same time. @default one for each processor */
  readonly startingAtOnce?: number;
}

/**
 * The worker processes of this machine. A process that dies is started again until `stop()`.
 *
 * Starting takes a processor for some tenths of a second. More processes than processors would only
 * make the first of them ready later, so the others start half a second after one is ready: a small
 * batch has ended by then, and has the processors for itself.
 */
export class LocalWorkers {
  readonly #workers: readonly LocalWorker[];
  readonly #stopTimeoutMs: number;
  readonly #startingAtOnce: number;
  readonly #failure = Promise.withResolvers<never>();
  #startedCount = 0;
  #givenUpCount = 0;
  readonly #nextStarts = new Set<NodeJS.Timeout>();

  constructor({ count, command, env, terminal, startingAtOnce }: LocalWorkersOptions) {
    this.#startingAtOnce = startingAtOnce ?? availableParallelism();
    const notices = new WorkerNotices((message) =>
      message === UNCHECKED_TLS ? terminal.warnOnce(message) : terminal.warn(message),
    );
    this.#failure.promise.catch(() => undefined); // it may reject when nobody waits any more
    this.#stopTimeoutMs = stopTimeoutMs(env['FETCHFLEET_DRAIN_TIMEOUT']);
    this.#workers = Array.from({ length: count }, (_, position) => {
      const name = `worker ${position + 1} of ${count}`;
      return new LocalWorker({
        command,
        env,
        onLine: (line) => notices.add(line),
        onReady: () => this.#startNextLater(),
        onCrash: (reason) => terminal.warn(`${name} ended (${reason}); it is started again`),
        onGivenUp: (reason, cause) => this.#giveUp(reason, cause),
      });
    });
  }

  /** Rejects when every worker has died too often. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  get pids(): number[] {
    return this.#workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Returns at once. */
  start(): void {
    for (let starting = 0; starting < this.#startingAtOnce; starting++) {
      this.#startNext();
    }
  }

  /**
   * Lets the workers drain. Resolves when all of them have ended.
   *
   * @param options.force kills the workers that still run
   * @param options.deadlineMs kills them after this time. @default 40_000, or the drain timeout of
   *   the workers and 20 s if that is longer
   */
  async stop(
    options: { readonly force?: AbortSignal; readonly deadlineMs?: number } = {},
  ): Promise<void> {
    const kill = (): void => {
      for (const worker of this.#workers) {
        worker.kill();
      }
    };
    this.#nextStarts.forEach((timer) => clearTimeout(timer));
    const done = new AbortController();
    const force = options.force;
    if (force?.aborted === true) {
      kill();
    }
    force?.addEventListener('abort', kill, { signal: done.signal });
    void sleep(options.deadlineMs ?? this.#stopTimeoutMs, undefined, { signal: done.signal }).then(
      kill,
      () => undefined,
    );
    await Promise.all(this.#workers.map(async (worker) => worker.stop()));
    done.abort();
  }

  #startNextLater(): void {
    if (this.#startedCount < this.#workers.length) {
      this.#nextStarts.add(setTimeout(() => this.#startNext(), NEXT_AFTER_MS));
    }
  }

  /** None once all have been started, or after `stop()`. */
  #startNext(): void {
    this.#workers[this.#startedCount]?.start();
    this.#startedCount += 1;
  }

  #giveUp(reason: string, cause: GivenUpCause): void {
    this.#givenUpCount += 1;
    if (this.#givenUpCount < this.#workers.length) {
      this.#startNext();
      return;
    }
    this.#failure.reject(
      new CommandError(`no worker stays alive; the last one ended with ${reason}`, {
        code: cause === 'settings' ? 'SETTINGS_INVALID' : 'WORKERS_LOST',
      }),
    );
  }
}

/** A worker is killed only after the time in which it drains by itself. */
export function stopTimeoutMs(drainTimeout: string | undefined): number {
  const drainMs = parseDurationMs(drainTimeout ?? '') ?? 0; // workers refuse a wrong one
  return Math.max(MIN_STOP_TIMEOUT_MS, drainMs + STOP_MARGIN_MS);
}

/**
 * The command that starts a worker on this machine.
 *
 * @param secrets which variables it may send
 */
export function workerCommand(settings: RunSettings, secrets: SecretRules): [string, ...string[]] {
  const program = fileURLToPath(import.meta.resolve('#worker'));
  const flags = process.execArgv.filter((flag) => !flag.startsWith('--watch'));
  return [
    process.execPath,
    ...flags,
    program,
    '--concurrency',
    String(settings.concurrency),
    '--transport',
    settings.transport,
    '--compress',
    settings.compress,
    '--umask',
    settings.umask.toString(8),
    '--metrics-port',
    '0',
    '--allow-private',
    '--secrets',
    secrets.entries.join(','),
  ];
}
