import type { BatchStatus } from '@fetchfleet/fleet';
import type { Logger } from '@fetchfleet/service';
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

interface Known {
  batch: ActiveBatch;
  logged: LoggedState;
}

export interface BatchLogOptions {
  readonly log: Logger;
  readonly status: (batch: string) => Promise<BatchStatus | undefined>;
}

/**
 * Logs one line for each change of a batch that this worker has slices of, and none for a fetch.
 */
export class BatchLog {
  readonly #options: BatchLogOptions;
  readonly #known = new Map<string, Known>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatchLogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      for (const known of this.#known.values()) {
        this.#logChange(known);
      }
    }, CHECK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
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
    const { id, total, plan } = batch;
    const fields = { batch: id, name: plan.name, fetches: total };
    this.#options.log.info(fields, 'first slice of a batch');
    const added: Known = { batch, logged: 'running' };
    this.#known.set(id, added);
    this.#logChange(added);
  }

  /** The last fetch of the batch was settled here. */
  async finished(batch: string): Promise<void> {
    const { log, status: read } = this.#options;
    this.#known.delete(batch);
    const status = await read(batch);
    if (status === undefined) {
      return;
    }
    const { name, total, ok, failed, outcomes, bytes, startedAt, finishedAt } = status;
    const durationMs = Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '');
    const seconds = Math.round(durationMs / 100) / 10;
    log.info({ batch, name, total, ok, failed, outcomes, bytes, seconds }, 'batch finished');
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
