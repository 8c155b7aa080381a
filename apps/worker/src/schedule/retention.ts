import { toError } from '@fetchfleet/crawl';
import {
  type BatchRemoval,
  type BatchStatus,
  keepReferred,
  type LedgerReader,
  referencesOf,
  type Schedule,
  type ScheduleBatches,
} from '@fetchfleet/fleet';
import type { RecordSink, ResultsStore } from '@fetchfleet/results';
import type { Every, Logger } from '@fetchfleet/service';

/** How often a worker looks for what is to be removed from its folder. */
const SWEEP_MS = 30_000;
/** A schedule whose batches are the same is looked at this often: they grow old. */
const LOOK_MS = 60_000;

export interface RetentionOptions {
  readonly batches: ScheduleBatches;
  readonly every: Every;
  readonly ledger: Pick<LedgerReader, 'batches' | 'crawl' | 'folders' | 'statuses'>;
  readonly removal: BatchRemoval;
  /** Where this worker writes. */
  readonly store: Pick<ResultsStore, 'location' | 'remove'>;
  readonly sink: Pick<RecordSink, 'assertSame' | 'id'>;
  /** While Redis is away, commands would only pile up in the client. */
  readonly isConnected: () => boolean;
  readonly onEnded: (result: 'removed' | 'failed') => void;
  readonly log: Logger;
  readonly onError: (error: Error) => void;
}

/**
 * Removes the batches that a schedule does not keep any more:
 *
 *     ended ──one worker decides──▶ noted for each folder, and out of Redis
 *                                     └──each worker, in its own folder──▶ removed
 *                                                                           └──last one──▶ gone
 *
 * A worker removes nothing outside of the place that it writes to, whatever Redis says. A folder
 * that no running worker has keeps its note, and `fetchfleet prune` shows and completes it.
 */
export class Retention {
  readonly #options: RetentionOptions;
  /** By schedule: how many batches it had when it was last looked at. */
  readonly #looked = new Map<string, { readonly count: number; readonly at: number }>();
  /** Batches of which it was said that nobody knows their folder. */
  readonly #unknown = new Set<string>();
  #stopTimer: (() => void) | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopTimer ??= this.#options.every(SWEEP_MS, () => this.#sweepSoon());
    this.#sweepSoon();
  }

  async stop(): Promise<void> {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#options.isConnected()) {
      await this.#sweeping;
    }
  }

  /** Begins to remove what a schedule does not keep. One worker at a time calls it. */
  async check(schedule: Schedule): Promise<void> {
    const { batches } = this.#options;
    if (schedule.terms.keep === undefined) {
      return;
    }
    const count = await batches.count(schedule.id);
    const now = performance.now();
    const looked = this.#looked.get(schedule.id);
    if (looked?.count === count && now - looked.at < LOOK_MS) {
      return;
    }
    const expired = await this.#unreferred(schedule, await batches.expired(schedule, Date.now()));
    for (const status of expired) {
      await this.#begin(schedule.id, status);
    }
    this.#looked.set(schedule.id, { count: await batches.count(schedule.id), at: now });
    if (expired.length > 0) {
      await this.sweep();
    }
  }

  /** Without those that have bodies of records which stay. */
  async #unreferred(
    { name }: Schedule,
    expired: readonly BatchStatus[],
  ): Promise<readonly BatchStatus[]> {
    if (expired.length === 0) {
      return expired;
    }
    const { ledger } = this.#options;
    // Batches refer to others of their name only, by whomever they were started.
    const ids = (await ledger.batches()).filter((id) => id.startsWith(`${name}-`));
    const same = (await ledger.statuses(ids)).filter((status) => status.name === name);
    return keepReferred(expired, await referencesOf(ledger, same)).removed;
  }

  async #begin(schedule: string, { batch, resultsFolders }: BatchStatus): Promise<void> {
    const { batches, ledger, removal, log } = this.#options;
    const folders = await ledger.folders(batch);
    if (folders.length === 0 && resultsFolders.length > 0) {
      // Version 0.1 noted no ids. What is at a path now may be another folder.
      if (!this.#unknown.has(batch)) {
        this.#unknown.add(batch);
        const remedy = 'its folder has no id; fetchfleet prune removes it';
        log.warn({ schedule, batch }, `batch is kept although it is old: ${remedy}`);
      }
      return;
    }
    const note = { folders, schedule, results: resultsFolders };
    if (!(await removal.beginInFolders(batch, note))) {
      return; // it was retried or resumed meanwhile
    }
    await batches.forget(schedule, batch);
    log.info({ schedule, batch }, 'batch is not kept any more: removing it');
  }

  #sweepSoon(): void {
    if (this.#sweeping !== undefined || !this.#options.isConnected()) {
      return;
    }
    this.#sweeping = this.sweep()
      .catch((error: unknown) => this.#options.onError(toError(error)))
      .finally(() => {
        this.#sweeping = undefined;
      });
  }

  /** Removes from the folder of this worker what is noted for it. */
  async sweep(): Promise<void> {
    const { removal, sink } = this.#options;
    const folder = sink.id;
    if (folder === undefined) {
      return;
    }
    for (const [batch, { schedule }] of await removal.inFolder(folder)) {
      await this.#remove(batch, schedule, folder);
    }
  }

  async #remove(batch: string, schedule: string, folder: string): Promise<void> {
    const { removal, store, sink, onEnded, log } = this.#options;
    const { location } = store;
    try {
      await sink.assertSame();
      const reason = await store.remove(batch);
      if (reason !== undefined) {
        log.warn({ schedule, batch, location, reason }, 'results of a removed batch are kept');
      }
    } catch (error) {
      onEnded('failed');
      const reason = toError(error).message;
      log.warn({ schedule, batch, location, reason }, 'results cannot be removed; trying again');
      return;
    }
    onEnded('removed');
    const isGone = await removal.finishInFolder(batch, folder);
    log.info({ schedule, batch, location }, isGone ? 'batch removed' : 'results removed');
  }
}
