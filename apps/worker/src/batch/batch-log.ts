import type { Outcome } from '@fetchfleet/crawl';
import type { BatchStatus, Settlement } from '@fetchfleet/fleet';
import { type Every, type Logger, traceIdsOf } from '@fetchfleet/service';
import type { ActiveBatch } from './batches.ts';

const CHECK_MS = 1_000;
/** Batches whose logged state is remembered; the oldest is forgotten first. */
const MAX_KNOWN = 1_000;

type LoggedState = 'running' | 'paused' | 'cancelled';

const MESSAGES: Readonly<Record<LoggedState, string>> = {
  running: 'batch resumed',
  paused: 'batch paused',
  cancelled: 'batch cancelled',
};

/** So many fetches that all end the same way say something about the batch. */
const SAME_END = 100;

interface Known {
  batch: ActiveBatch;
  logged: LoggedState;
  /** The outcome of every fetch so far; undefined once they differ or it was logged. */
  sameEnd: { outcome?: Outcome | undefined; count: number } | undefined;
}

export interface BatchLogOptions {
  readonly log: Logger;
  readonly every: Every;
  readonly status: (batch: string) => Promise<BatchStatus | undefined>;
  /** Called with a batch that was finished here. @returns what its line says besides */
  readonly onFinished?: (status: BatchStatus) => Promise<object | undefined>;
}

/**
 * Logs one line for each change of a batch that this worker has slices of, and none for a fetch.
 */
export class BatchLog {
  readonly #options: BatchLogOptions;
  readonly #known = new Map<string, Known>();
  #stopTimer: (() => void) | undefined;

  constructor(options: BatchLogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopTimer ??= this.#options.every(CHECK_MS, () => {
      for (const known of this.#known.values()) {
        this.#logChange(known);
      }
    });
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** A slice of the batch has been claimed here. */
  sliceClaimed(batch: ActiveBatch): void {
    const known = this.#known.get(batch.id);
    if (known !== undefined) {
      if (known.batch !== batch) {
        known.batch = batch;
        this.#logChange(known);
      }
      return;
    }
    if (stateOf(batch) === 'cancelled') {
      return; // its last slices are only removed
    }
    this.#forgetOldest();
    const { id, total, plan, trace } = batch;
    const ids = traceIdsOf(trace?.batch);
    const fields = { batch: id, name: plan.name, fetches: total, ...ids };
    this.#options.log.info(fields, 'first slice of a batch');
    const added: Known = { batch, logged: 'running', sameEnd: { count: 0 } };
    this.#known.set(id, added);
    this.#logChange(added);
  }

  /** Warns if the first hundred fetches of a batch here all fail in the same way. */
  settled(batch: string, settlements: readonly Pick<Settlement, 'outcome'>[]): void {
    const known = this.#known.get(batch);
    const same = known?.sameEnd;
    if (known === undefined || same === undefined) {
      return;
    }
    same.outcome ??= settlements[0]?.outcome;
    const { outcome } = same;
    if (outcome === 'ok' || settlements.some((one) => one.outcome !== outcome)) {
      known.sameEnd = undefined;
      return;
    }
    same.count += settlements.length;
    if (same.count >= SAME_END) {
      known.sameEnd = undefined;
      const fields = { batch, outcome, fetches: same.count };
      this.#options.log.warn(fields, 'every fetch of the batch so far has failed in the same way');
    }
  }

  /** The last fetch of the batch was settled here. */
  async finished(batch: string): Promise<void> {
    const { log, status: read, onFinished } = this.#options;
    this.#known.delete(batch);
    const status = await read(batch);
    if (status === undefined) {
      return;
    }
    const { name, total, ok, failed, outcomes, bytes, startedAt, finishedAt } = status;
    const durationMs = Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '');
    const seconds = Math.round(durationMs / 100) / 10;
    const ids = await onFinished?.(status);
    log.info(
      { batch, name, total, ok, failed, outcomes, bytes, seconds, ...ids },
      'batch finished',
    );
  }

  #logChange(known: Known): void {
    const state = stateOf(known.batch);
    if (state === known.logged) {
      return;
    }
    known.logged = state;
    this.#options.log.info({ batch: known.batch.id }, MESSAGES[state]);
  }

  #forgetOldest(): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_KNOWN && oldest !== undefined) {
      this.#known.delete(oldest);
    }
  }
}

function stateOf(batch: ActiveBatch): LoggedState {
  if (batch.cancelled.aborted || batch.state === 'cancelled') {
    return 'cancelled';
  }
  return batch.state === 'paused' ? 'paused' : 'running';
}
