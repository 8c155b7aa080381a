import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchStatus, type Ledger, UnknownBatchError } from '@fetchfleet/fleet';
import { inTime } from '../core/patience.ts';
import type { Progress } from '../report/progress.ts';
import type { Terminal } from '../core/terminal.ts';

/** Between two looks; a look is one small script. */
const MIN_PAUSE_MS = 20;
const MAX_PAUSE_MS = 200;

export interface WatchOptions {
  readonly ledger: Ledger;
  readonly batch: string;
  readonly progress: Progress;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** How long Redis may be silent. @default 10_000 */
  readonly timeoutMs?: number;
}

/** How long to wait for the next look, in milliseconds, when a batch has been watched for so long. */
export function pauseAfter(watchedMs: number): number {
  return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, watchedMs / 20));
}

/**
 * Looks at a batch until it is finished or cancelled, and shows how far it is. It pauses for a twentieth of the time so far, so that
 * a small batch is not held up by the last pause.
 *
 * @throws CommandError (exit 3) when Redis is silent for too long; the reason of `signal` when that aborts
 */
export async function watchBatch(options: WatchOptions): Promise<BatchStatus> {
  const { ledger, batch, progress, terminal, signal } = options;
  const startedAt = performance.now();
  const secrets = new SecretNotices(terminal);
  let wasPaused = false;
  for (;;) {
    const status = await inTime(ledger.status(batch), options);
    if (status === undefined) throw new UnknownBatchError(batch);
    progress.update(status);
    if (status.state === 'finished' || status.state === 'cancelled') return status;
    secrets.update(status.missingSecrets);
    const isPaused = status.state === 'paused';
    if (isPaused && !wasPaused) terminal.note(`Paused; fetchfleet resume ${batch} goes on`);
    wasPaused = isPaused;
    const pauseMs = pauseAfter(performance.now() - startedAt);
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
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
