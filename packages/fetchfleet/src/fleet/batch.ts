import { setTimeout as sleep } from 'node:timers/promises';
import { statusDocument } from '@fetchfleet/fleet';
import {
  cancelBatch,
  checkOut,
  type Context,
  eventDocument,
  findBatch,
  type FleetSession,
  pauseBatch,
  pollIntervalMs,
  resultsOf,
  resumePaused,
} from '@fetchfleet/producer/library';
import type { BatchEvent, BatchStatus, FetchRecord } from './documents.ts';
import { recordsIn } from './records-in.ts';

/** How often events are looked for. */
const EVENTS_POLL_MS = 200;

/** @internal */
export interface BatchAccess {
  readonly session: FleetSession;
  readonly context: Context;
  readonly results: string | undefined;
}

interface Abortable {
  readonly signal?: AbortSignal;
}

/**
 * One execution of a crawl, by any workers of the fleet.
 *
 * @typeParam Params names of the parameters of its crawl
 */
export class Batch<Params extends string = string> {
  readonly id: string;
  readonly #session: FleetSession;
  readonly #context: Context;
  readonly #results: string | undefined;

  /** @internal */
  constructor(id: string, access: BatchAccess) {
    this.id = id;
    this.#session = access.session;
    this.#context = access.context;
    this.#results = access.results;
  }

  /** @throws UnknownBatchError (`BATCH_UNKNOWN`) if it was pruned */
  async status(): Promise<BatchStatus> {
    return this.#connected(async () => statusDocument(await this.#find()));
  }

  /**
   * Resolves when the batch is finished or cancelled.
   *
   * @param options.onProgress called with each status that is looked at
   * @throws the reason of `signal`; the batch goes on
   */
  async wait({
    signal,
    onProgress,
  }: Abortable & {
    readonly onProgress?: (status: BatchStatus) => void;
  } = {}): Promise<BatchStatus> {
    const startedAt = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      const status = await this.status();
      onProgress?.(status);
      if (hasEnded(status)) {
        return status;
      }
      await sleepUnlessAborted(pollIntervalMs(performance.now() - startedAt), signal);
    }
  }

  /**
   * Running fetches end, and no others start. May be repeated.
   *
   * @throws CommandError (`BATCH_ENDED`)
   */
  async pause(): Promise<void> {
    await this.#connected(async () => pauseBatch(this.#session, this.id));
  }

  /** Lets a paused batch go on. May be repeated. */
  async resume(): Promise<void> {
    await this.#connected(async () => {
      await this.#find();
      await resumePaused(this.#session, this.id);
    });
  }

  /** Workers start no more fetches of it; records stay. A batch that has ended stays as it is. */
  async cancel(): Promise<void> {
    await this.#connected(async () => cancelBatch(this.#session, this.id));
  }

  /** What has happened to the batch, and what happens to it until it ends. */
  async *events({ signal }: Abortable = {}): AsyncGenerator<BatchEvent, void, undefined> {
    let last = 0;
    for (;;) {
      signal?.throwIfAborted();
      // In this order: events come before the end that they tell.
      const { state } = await this.status();
      const events = await this.#connected(async () => this.#session.ledger.events(this.id));
      for (const event of events ?? []) {
        if (event.number > last) {
          last = event.number;
          yield eventDocument(this.id, event);
        }
      }
      if (hasEnded({ state })) {
        return;
      }
      await sleepUnlessAborted(EVENTS_POLL_MS, signal);
    }
  }

  /**
   * The records of the batch, one for each fetch or page, in the order of their indexes. While the
   * batch runs, those that are durable. Memory does not grow with the batch.
   *
   * @typeParam Body what bodies that are JSON hold; nothing checks it
   * @throws ResultsNotFoundError (`RESULTS_NOT_FOUND`) if this machine has none
   */
  async *records<Body = unknown>({ signal }: Abortable = {}): AsyncGenerator<
    FetchRecord<Params, Body>,
    void,
    undefined
  > {
    const status = await this.#connected(async () => this.#find());
    const named = this.#results === undefined ? undefined : [this.#results];
    const places = await resultsOf(status, named, this.#context);
    const source = { places, batch: this.id, needsBodies: true, signal };
    await using copy = await checkOut(source, this.#context);
    const { total } = status;
    for await (const line of recordsIn({ dir: copy.dirs, batch: this.id, total, signal })) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- workers have written it
      yield JSON.parse(line) as FetchRecord<Params, Body>;
    }
  }

  /** Cancels a batch that has not ended: nobody waits for it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!hasEnded(await this.status())) {
      await this.cancel();
    }
  }

  async #find() {
    return findBatch(this.#session.ledger, this.id);
  }

  async #connected<T>(work: () => Promise<T>): Promise<T> {
    return Promise.race([work(), this.#session.lost]);
  }
}

function hasEnded({ state }: Pick<BatchStatus, 'state'>): boolean {
  return state === 'finished' || state === 'cancelled';
}

async function sleepUnlessAborted(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
}
