import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchStatus, type Ledger, UnknownBatchError } from '@fetchfleet/fleet';
import { CommandError } from './command-error.ts';
import { EXIT } from './exit-codes.ts';
import type { Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

export interface WatchOptions {
  readonly ledger: Ledger;
  readonly batch: string;
  readonly progress: Progress;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Between two looks. @default 200 */
  readonly intervalMs?: number;
  /** How long Redis may be silent. @default 10_000 */
  readonly patienceMs?: number;
}

/**
 * Looks at a batch until it is finished or cancelled, and shows how far it is.
 *
 * @throws CommandError (exit 3) when Redis is silent for too long; the reason of `signal` when that aborts
 */
export async function watchBatch(options: WatchOptions): Promise<BatchStatus> {
  const { ledger, batch, progress, terminal, signal, intervalMs = 200 } = options;
  const secrets = new SecretNotices(terminal);
  for (;;) {
    const status = await answerInTime(ledger.status(batch), options);
    if (status === undefined) throw new UnknownBatchError(batch);
    progress.update(status);
    if (status.state === 'finished' || status.state === 'cancelled') return status;
    secrets.update(status.missingSecrets);
    await sleep(intervalMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** The client behind the ledger waits for Redis for ever; people do not. */
async function answerInTime<T>(
  answer: Promise<T>,
  { patienceMs = 10_000, signal }: WatchOptions,
): Promise<T> {
  answer.catch(() => undefined); // it may fail after the race is over
  const patience = new AbortController();
  const late = sleep(patienceMs, undefined, {
    signal: AbortSignal.any([patience.signal, signal]),
  }).then(
    () => {
      throw new CommandError(`Redis has not answered for ${patienceMs / 1_000} s`, {
        code: 'REDIS_UNREACHABLE',
        exitCode: EXIT.unavailable,
      });
    },
    (error: unknown) => {
      signal.throwIfAborted();
      throw error;
    },
  );
  late.catch(() => undefined); // called off
  try {
    return await Promise.race([answer, late]);
  } finally {
    patience.abort();
  }
}

/** Names the variables that no worker has, each once. */
class SecretNotices {
  readonly #terminal: Terminal;
  readonly #told = new Set<string>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(names: readonly string[]): void {
    for (const name of names) {
      if (this.#told.has(name)) continue;
      this.#told.add(name);
      this.#terminal.warn(`a worker lacks ${name}: set it where workers run`);
    }
  }
}
