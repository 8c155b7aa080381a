import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BatchStatus,
  type LedgerReader,
  realFailures,
  statusDocument,
  UnknownBatchError,
} from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { Terminal } from '../core/terminal.ts';
import { createProgress, type Progress } from '../report/progress.ts';
import { failureCommands } from '../report/failure-commands.ts';
import { exitCodeOf } from '../report/exit-code-of.ts';
import { describeSameFailure, describeStatus, howToProvide } from '../report/describe-status.ts';
import type { FleetSession } from '../session/fleet-session.ts';

const MIN_INTERVAL_MS = 20;
const MAX_INTERVAL_MS = 200;

export interface WaitOptions {
  readonly session: FleetSession;
  readonly batch: string;
  readonly isJson: boolean;
  /** Use the whole screen. @default false */
  readonly isLive?: boolean;
}

/**
 * Shows the progress of a batch that workers elsewhere fetch, until it has ended. A signal ends the
 * command; the batch goes on.
 */
export async function waitForBatch(options: WaitOptions, context: Context): Promise<ExitCode> {
  const { session, batch, isJson } = options;
  const { terminal } = context;
  const { drain: signal } = context.interrupts.takeOver();
  try {
    const status = await showUntilEnd(options, context, signal);
    if (isJson) {
      terminal.printJson(statusDocument(status));
    } else {
      terminal.note(...describeStatus(status, await session.now()));
      if (realFailures(status) > 0) {
        terminal.note('', ...failureCommands(batch, context).map((command) => `  ${command}`));
      }
    }
    return exitCodeOf(status);
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
    const again = `${programName(context)} status ${batch} --watch`;
    terminal.say(`Interrupted; the batch goes on. Look again with: ${again}`);
    return EXIT.interrupted;
  }
}

async function showUntilEnd(
  { session, batch, isLive }: WaitOptions,
  context: Context,
  signal: AbortSignal,
): Promise<BatchStatus> {
  const { terminal } = context;
  if (isLive === true) {
    const { showBatch } = await import('../live/show-batch.ts');
    return showBatch(session, batch, { context, signal });
  }
  const progress = createProgress(terminal);
  try {
    return await pollUntilEnd({ ledger: session.ledger, batch, progress, terminal, signal });
  } finally {
    progress.stop();
  }
}

export interface PollOptions {
  readonly ledger: LedgerReader;
  readonly batch: string;
  readonly progress: Progress;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** How long Redis may be silent. @default 10_000 */
  readonly timeoutMs?: number;
}

/**
 * Polls a batch until it is finished or cancelled, and updates its progress.
 *
 * @throws CommandError (exit 3) when Redis is silent for too long; the reason of `signal` when that
 *   aborts
 */
export async function pollUntilEnd(options: PollOptions): Promise<BatchStatus> {
  const { ledger, batch, progress, terminal, signal } = options;
  const startedAt = performance.now();
  const secrets = new MissingSecretWarnings(terminal);
  let wasPaused = false;
  let wasSame = false;
  for (;;) {
    const status = await withTimeout(ledger.status(batch), options);
    if (status === undefined) {
      throw new UnknownBatchError(batch);
    }
    progress.update(status);
    const same = describeSameFailure(status);
    if (same !== undefined && !wasSame) {
      terminal.warn(`${same}: fetchfleet failures ${batch} says why`);
    }
    wasSame ||= same !== undefined;
    if (status.state === 'finished' || status.state === 'cancelled') {
      return status;
    }
    secrets.update(status.missingSecrets);
    const isPaused = status.state === 'paused';
    if (isPaused && !wasPaused) {
      terminal.note(`Paused; fetchfleet resume ${batch} goes on`);
    }
    wasPaused = isPaused;
    const intervalMs = pollIntervalMs(performance.now() - startedAt);
    await sleep(intervalMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/**
 * The time until the next poll: a fiftieth of the time so far, so that the end of a small batch is
 * noticed at once.
 */
export function pollIntervalMs(elapsedMs: number): number {
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, elapsedMs / 50));
}

/** Warns once for each variable and flag that workers lack. */
class MissingSecretWarnings {
  readonly #terminal: Terminal;
  readonly #reported = new Set<string>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(names: readonly string[]): void {
    for (const name of names) {
      if (this.#reported.has(name)) {
        continue;
      }
      this.#reported.add(name);
      this.#terminal.warn(
        name.startsWith('--')
          ? `a worker was not started with ${name}`
          : `a worker lacks ${name}: ${howToProvide(name)}`,
      );
    }
  }
}
