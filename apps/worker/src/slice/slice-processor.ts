import {
  packSlice,
  parseSlice,
  type PendingFetch,
  type Slice,
  unpackSlice,
  toError,
} from '@fetchfleet/crawl';
import {
  ClaimLostError,
  type ClaimedSlice,
  type Ledger,
  type PausedSlices,
} from '@fetchfleet/fleet';
import { type Logger } from '@fetchfleet/service';
import type { ActiveBatch, Batches } from '../batch/batches.ts';
import { settle, type SettleTarget } from '../record/settle.ts';
import { type SliceRest, SliceRun, type SliceTools } from './slice-run.ts';

/** A slice whose worker vanished this often is taken to be the reason, and ends as failed records. */
const MAX_REDELIVERIES = 5;
/** Between looks at whether a worker with the missing secret has come. */
const LOOK_AGAIN_MS = 5_000;
/** A batch that was cancelled and resumed is known as resumed by then. */
const LOOK_AGAIN_SOON_MS = 1_500;
/** After an error of ours: time for a person or a restart to help. */
const AFTER_ERROR_MS = 5_000;

export interface ProcessorOptions extends SliceTools {
  readonly batches: Batches;
  readonly ledger: Ledger;
  readonly pausedSlices: PausedSlices;
  readonly log: Logger;
  /** Told of the batch of every slice that is claimed. */
  readonly onTaken: (batch: ActiveBatch) => void;
}

/**
 * Takes a claimed slice to its next end: completed, delayed, given back, or rejected. Nothing that is wrong with one slice
 * stops the worker.
 */
export class SliceProcessor {
  readonly #options: ProcessorOptions;
  readonly #missing = new Set<string>();
  /** By the signal that the batch is paused: one for a batch, not for each of its slices. */
  readonly #tools = new WeakMap<AbortSignal, SliceTools>();

  constructor(options: ProcessorOptions) {
    this.#options = options;
  }

  /** `asked` is called when the slice has asked for permits. */
  async process(claim: ClaimedSlice, asked: () => void): Promise<void> {
    const { log, metrics } = this.#options;
    const slice = await this.#parse(claim);
    if (slice === undefined) return;
    try {
      await this.#options.batches.use(slice.batch, async (batch) =>
        this.#work(claim, { slice, batch, asked }),
      );
    } catch (thrown) {
      const error = toError(thrown);
      if (claim.lost.aborted || error instanceof ClaimLostError) {
        metrics.slices.inc({ result: 'lock-lost' });
        metrics.lockLosses.inc();
        log.warn(fieldsOf(claim, slice), 'slice lost to another worker');
        return;
      }
      log.error({ ...fieldsOf(claim, slice), err: error }, 'slice failed; it is tried again');
      await claim.delay(slice, AFTER_ERROR_MS);
    }
  }

  async #parse(claim: ClaimedSlice): Promise<Slice | undefined> {
    try {
      return parseSlice(claim.data);
    } catch (error) {
      await this.#reject(claim, toError(error));
      return undefined;
    }
  }

  async #work(
    claim: ClaimedSlice,
    {
      slice,
      batch,
      asked,
    }: {
      readonly slice: Slice;
      readonly batch: ActiveBatch | undefined;
      readonly asked: () => void;
    },
  ): Promise<void> {
    if (batch === undefined) return this.#reject(claim, new Error('its batch is unknown'), slice);
    if (slice.columns.length !== batch.plan.params.length) {
      return this.#reject(claim, new Error('its columns are not those of its batch'), slice);
    }
    this.#options.onTaken(batch);
    if (batch.state === 'cancelled' || batch.cancelled.aborted) {
      return this.#drop(claim, slice);
    }
    if (batch.state === 'paused') return this.#park(claim, slice);
    if (batch.missingSecrets.length > 0) return this.#lacksSecrets(claim, slice, batch);
    const pending = unpackSlice(slice);
    const fetches = claim.redeliveries > 0 ? await this.#unsettled(batch, pending) : pending;
    if (claim.redeliveries > MAX_REDELIVERIES) {
      const target = { batch, origin: slice.origin, slice: claim.id };
      return this.#abandon(claim, target, fetches);
    }
    const { paused } = batch;
    const run = new SliceRun(this.#toolsFor(paused), batch, { id: claim.id, ...slice });
    const nudge = (): void => this.#options.schedulers.nudge(slice.origin);
    paused.addEventListener('abort', nudge);
    try {
      const rest = await run.run(fetches, { lost: claim.lost, asked });
      await this.#end(claim, { slice, batch, rest });
    } finally {
      paused.removeEventListener('abort', nudge);
    }
  }

  /** A cancelled batch may have been resumed since this worker last looked: then its slices are wanted after all. */
  async #drop(claim: ClaimedSlice, slice: Slice): Promise<void> {
    const isCancelled = (await this.#options.ledger.state(slice.batch)) === 'cancelled';
    return isCancelled ? claim.complete() : claim.delay(slice, LOOK_AGAIN_SOON_MS);
  }

  async #end(
    claim: ClaimedSlice,
    stay: { readonly slice: Slice; readonly batch: ActiveBatch; readonly rest: SliceRest },
  ): Promise<void> {
    const { slices } = this.#options.metrics;
    const { fetches, dueInMs, ticket, isDeferred } = stay.rest;
    if (fetches.length === 0) {
      await claim.complete();
      slices.inc({ result: 'completed' });
      return;
    }
    const packed = packSlice(stay.slice.batch, stay.slice.origin, fetches);
    const rest = ticket === 0 ? packed : { ...packed, ticket };
    if (stay.batch.cancelled.aborted) return this.#drop(claim, rest);
    if (stay.batch.state === 'paused') return this.#park(claim, rest);
    if (this.#options.draining.aborted && dueInMs === 0) {
      await claim.giveBack(rest);
      slices.inc({ result: 'returned' });
    } else {
      await claim.delay(rest, dueInMs);
      slices.inc({ result: 'delayed' });
      if (isDeferred) await this.#options.schedulers.hasLeft(stay.slice.origin, claim.id);
    }
  }

  /** What makes a draining worker start nothing more makes a paused batch do so. */
  #toolsFor(paused: AbortSignal): SliceTools {
    const known = this.#tools.get(paused);
    if (known !== undefined) return known;
    const draining = AbortSignal.any([this.#options.draining, paused]);
    const tools = { ...this.#options, draining };
    this.#tools.set(paused, tools);
    return tools;
  }

  /** Out of the way of all others until the batch is resumed. */
  async #park(claim: ClaimedSlice, rest: Slice): Promise<void> {
    await claim.delay(rest, LOOK_AGAIN_MS);
    // If this fails, the slice comes back soon, and is parked then.
    await this.#options.pausedSlices.holdOne(rest.batch, claim.id).catch(() => undefined);
  }

  async #reject(claim: ClaimedSlice, reason: Error, slice?: Slice): Promise<void> {
    this.#options.metrics.slices.inc({ result: 'invalid' });
    const named = slice === undefined ? { slice: claim.id } : fieldsOf(claim, slice);
    const fields = { ...named, reason: reason.message };
    this.#options.log.error(fields, 'not a slice of ours: set aside');
    await claim.reject(reason);
  }

  async #lacksSecrets(claim: ClaimedSlice, slice: Slice, batch: ActiveBatch): Promise<void> {
    const names = batch.missingSecrets;
    await this.#options.ledger.reportMissingSecrets(batch.id, names);
    if (!this.#missing.has(batch.id)) {
      this.#missing.add(batch.id);
      this.#options.log.error({ batch: batch.id, variables: names }, 'secrets are not set here');
    }
    await claim.delay(slice, LOOK_AGAIN_MS);
  }

  async #unsettled(
    batch: ActiveBatch,
    pending: readonly PendingFetch[],
  ): Promise<readonly PendingFetch[]> {
    const settled = await this.#options.ledger.areSettled(
      batch.id,
      pending.map((fetch) => fetch.index),
    );
    return pending.filter((_, i) => settled[i] !== true);
  }

  /** Ends fetches as `worker-lost`: an honest record is better than a slice that takes every worker with it. */
  async #abandon(
    claim: ClaimedSlice,
    target: SettleTarget,
    fetches: readonly PendingFetch[],
  ): Promise<void> {
    const message = `${claim.redeliveries} workers vanished while they had this fetch`;
    const error = { code: 'WORKER_LOST', message };
    const areRecorded = await Promise.all(
      fetches.map(async (fetch) => {
        const ending = { outcome: 'worker-lost', attempts: fetch.attempts, error } as const;
        return new Promise<boolean>((resolve) => {
          settle(this.#options, target, { fetch, ending }, resolve);
        });
      }),
    );
    if (areRecorded.includes(false)) throw new Error('records could not be written');
    this.#options.metrics.slices.inc({ result: 'abandoned' });
    const fields = { batch: target.batch.id, slice: claim.id, origin: target.origin };
    this.#options.log.error({ ...fields, fetches: fetches.length }, `abandoned: ${message}`);
    await claim.complete();
  }
}

/** What a line of the log about a slice has to name. */
function fieldsOf(claim: ClaimedSlice, slice: Slice): Record<'batch' | 'slice' | 'origin', string> {
  return { batch: slice.batch, slice: claim.id, origin: slice.origin };
}
