import type { BatchStatus } from '@fetchfleet/fleet';
import type { Logger } from '@fetchfleet/service';
import type { ActiveBatch } from './batches.ts';

const LOOK_MS = 1_000;
/** Batches of which is remembered what was told; the oldest go first. */
const MAX_KNOWN = 1_000;

interface Known {
  batch: ActiveBatch;
  told: 'running' | 'paused' | 'cancelled';
}

/** One line for each thing that happens to a batch, as far as this worker has to do with it; none for a fetch. */
export class BatchLog {
  readonly #log: Logger;
  readonly #status: (batch: string) => Promise<BatchStatus | undefined>;
  readonly #known = new Map<string, Known>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly log: Logger;
    readonly status: (batch: string) => Promise<BatchStatus | undefined>;
  }) {
    this.#log = options.log;
    this.#status = options.status;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      for (const known of this.#known.values()) this.#tell(known);
    }, LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A slice of the batch has been claimed here. */
  taken(batch: ActiveBatch): void {
    const known = this.#known.get(batch.id);
    if (known !== undefined) {
      if (known.batch === batch) return;
      known.batch = batch;
      this.#tell(known);
      return;
    }
    if (stateOf(batch) === 'cancelled') return; // only its remains are swept up
    this.#forgetOldest();
    const { id, total, plan } = batch;
    this.#log.info({ batch: id, name: plan.name, fetches: total }, 'first slice of a batch');
    const added: Known = { batch, told: 'running' };
    this.#known.set(id, added);
    this.#tell(added);
  }

  /** Its last fetch was settled here. */
  async finished(batch: string): Promise<void> {
    this.#known.delete(batch);
    const status = await this.#status(batch);
    if (status === undefined) return;
    const { name, total, ok, failed, outcomes, bytes, startedAt, finishedAt } = status;
    const durationMs = Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '');
    const seconds = Math.round(durationMs / 100) / 10;
    this.#log.info({ batch, name, total, ok, failed, outcomes, bytes, seconds }, 'batch finished');
  }

  #tell(known: Known): void {
    const { batch, told } = known;
    const state = stateOf(batch);
    if (state === told) return;
    known.told = state;
    const message = {
      running: 'batch resumed',
      paused: 'batch paused',
      cancelled: 'batch cancelled',
    };
    this.#log.info({ batch: batch.id }, message[state]);
  }

  #forgetOldest(): void {
    if (this.#known.size < MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

function stateOf(batch: ActiveBatch): Known['told'] {
  if (batch.cancelled.aborted || batch.state === 'cancelled') return 'cancelled';
  return batch.state === 'paused' ? 'paused' : 'running';
}
