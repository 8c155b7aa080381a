import { type Crawl, type LocalCrawl, type Outcome, sliceSizeFor } from '@fetchfleet/crawl';
import type { BatchStatus } from '../ledger/batch-status.ts';
import type { BatchRegistration, Ledger } from '../ledger/ledger.ts';
import { UnknownBatchError } from '../ledger/unknown-batch-error.ts';
import { enqueue, type KnownAnswers } from '../queue/enqueue.ts';
import type { RedisMemory } from '../queue/redis-memory.ts';
import type { SliceQueue } from '../queue/slice-queue.ts';
import { ExpansionLease, LEASE_TIMEOUT_MS } from './expansion-lease.ts';
import { refusalCodeOf } from '../redis/redis-error.ts';
import { Room } from './room.ts';

/** Where batches are registered and their slices queued. */
interface ExpansionTarget {
  readonly ledger: Ledger;
  readonly queue: SliceQueue;
}

/** A crawl that was read and measured. */
export interface MeasuredCrawl {
  /** The ledger keeps the original; the slices are made from the copy on this machine. */
  readonly local: Pick<LocalCrawl, 'original' | 'crawl'>;
  readonly total: number;
  /** Path of the crawl file, for people. */
  readonly source: string;
  readonly fingerprint: string;
  /** As {@link KnownBatch.known}. */
  readonly known?: KnownAnswers | undefined;
}

/** A batch that is in the ledger, and its crawl with every list on this machine. */
export interface KnownBatch {
  readonly status: BatchStatus;
  readonly crawl: Crawl;
  /** Slices carry it, so that only what has changed is fetched. @default nothing is known */
  readonly known?: KnownAnswers | undefined;
}

interface ExpansionRunOptions {
  /**
   * How long to wait for another producer that expands the same batch.
   * @default 6 s: the lease of a killed producer has expired by then
   */
  readonly timeoutMs?: number;
  /** Called once, when Redis is so full that the rest waits until workers have made room. */
  readonly onFull?: (memory: RedisMemory) => void;
  /** @default never aborted */
  readonly signal?: AbortSignal;
}

/** For whoever traces what becomes of a batch. */
export interface ExpansionTrace {
  /** Stored with the batch: see {@link Ledger.trace}. */
  readonly context: string;
  /**
   * Called once, when the slices are queued or could not be.
   *
   * @param finished the batch, if that has finished it: its fetches had ended before
   */
  readonly onEnd: (finished: BatchStatus | undefined, error?: unknown) => void;
}

interface CreateOptions {
  /** If this batch is registered already, it is completed. @default a new id */
  readonly id?: string;
  /** The schedule that starts it. @default none */
  readonly schedule?: string;
  /**
   * Called once, when Redis is so full that it refuses the batch, which then waits for room.
   * @default the refusal is thrown
   */
  readonly onFull?: (memory: RedisMemory) => void;
  /** @default it is not traced */
  readonly trace?: ExpansionTrace | undefined;
}

export type RetryResult =
  /** `cleared` fetches are fetched again once the expansion has run. */
  | { readonly kind: 'ready'; readonly expansion: BatchExpansion; readonly cleared: number }
  /** Another producer expands the batch. */
  | { readonly kind: 'busy' }
  /** The batch is paused, cancelled or unknown. Nothing has changed. */
  | { readonly kind: 'closed' };

interface Begun {
  readonly isRepeated: boolean;
  readonly lease?: ExpansionLease | undefined;
  readonly trace?: ExpansionTrace | undefined;
}

/**
 * Queues the slices of one batch. The steps are the same for every command: take the lease,
 * change the ledger, queue the slices, mark the batch as expanded, release the lease.
 *
 *     create    a new batch: every slice is queued
 *     complete  a batch whose expansion may be incomplete: slices with unsettled fetches are queued
 *     retry     a batch with failures: they are cleared, then the same as complete
 *     repair    a batch that lacks records: their fetches are cleared, then the same as complete
 *
 * Only one producer at a time expands a batch. Slices have stable ids, so a producer that is killed
 * at any point leaves nothing that the next one could queue twice.
 */
export class BatchExpansion {
  /** The batch as it was before {@link run}. */
  readonly status: BatchStatus;
  readonly #target: ExpansionTarget;
  readonly #crawl: Crawl;
  readonly #known: KnownAnswers | undefined;
  readonly #isRepeated: boolean;
  readonly #trace: ExpansionTrace | undefined;
  #lease: ExpansionLease | undefined;

  private constructor(
    target: ExpansionTarget,
    { status, crawl, known }: KnownBatch,
    options: Begun,
  ) {
    this.#target = target;
    this.status = status;
    this.#crawl = crawl;
    this.#known = known;
    this.#isRepeated = options.isRepeated;
    this.#trace = options.trace;
    this.#lease = options.lease;
  }

  /**
   * Registers a new batch and holds the lease of its expansion. The lease is taken first: a
   * producer that starts at the same moment would take the batch for an abandoned one.
   */
  static async create(
    target: ExpansionTarget,
    { local, total, source, fingerprint, known: answers }: MeasuredCrawl,
    options: CreateOptions = {},
  ): Promise<BatchExpansion> {
    const { ledger } = target;
    const { schedule, onFull, trace } = options;
    const { id = await ledger.newId(local.original.plan.name) } = options;
    const sliceSize = sliceSizeFor(total);
    const crawl = local.original;
    const lease = await ExpansionLease.acquire(ledger, id, { timeoutMs: 0 });
    try {
      const packing = { sliceSize, mixesOrigins: true };
      const own = { id, crawl, total, ...packing, source, fingerprint, schedule };
      const registration = { ...own, trace: trace?.context };
      const isNew = await registerWithRoom(target, registration, onFull);
      const status = await ledger.status(id);
      if (status === undefined) {
        throw new UnknownBatchError(id);
      }
      const known = { status, crawl: local.crawl, known: answers };
      return new BatchExpansion(target, known, { isRepeated: !isNew, lease, trace });
    } catch (error) {
      await lease?.release();
      throw error;
    }
  }

  /**
   * Queues what is neither settled nor queued of a batch that was expanded before, perhaps in part.
   */
  static complete(target: ExpansionTarget, known: KnownBatch): BatchExpansion {
    return new BatchExpansion(target, known, { isRepeated: true });
  }

  /**
   * Clears failures in the ledger and holds the lease, so that no other producer queues the
   * fetches.
   *
   * @param outcomes of the failures to clear
   */
  static async retry(
    target: ExpansionTarget,
    known: KnownBatch,
    outcomes: readonly Outcome[],
  ): Promise<RetryResult> {
    const { batch } = known.status;
    return BatchExpansion.#again(target, known, async () => target.ledger.retry(batch, outcomes));
  }

  /**
   * As {@link retry}, for settled fetches of these indexes.
   *
   * @param outcomes only failures with these. @default any fetch: its record is lost
   */
  static async repair(
    target: ExpansionTarget,
    known: KnownBatch,
    indexes: Iterable<number>,
    outcomes?: readonly Outcome[],
  ): Promise<RetryResult> {
    const { batch } = known.status;
    return BatchExpansion.#again(target, known, async () =>
      target.ledger.unsettle(batch, indexes, outcomes),
    );
  }

  /** @param clear makes fetches unsettled; undefined if the state of the batch forbids it */
  static async #again(
    target: ExpansionTarget,
    { status: { batch }, crawl, known: answers }: KnownBatch,
    clear: () => Promise<number | undefined>,
  ): Promise<RetryResult> {
    const { ledger } = target;
    const lease = await ExpansionLease.acquire(ledger, batch, { timeoutMs: LEASE_TIMEOUT_MS });
    if (lease === undefined) {
      return { kind: 'busy' };
    }
    try {
      const cleared = await clear();
      const status = cleared === undefined ? undefined : await ledger.status(batch);
      if (cleared === undefined || status === undefined) {
        await lease.release();
        return { kind: 'closed' };
      }
      const known = { status, crawl, known: answers };
      const expansion = new BatchExpansion(target, known, { isRepeated: true, lease });
      return { kind: 'ready', expansion, cleared };
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  /**
   * Takes the lease of an expansion whose producer was killed.
   *
   * @returns false if that producer is alive, or the batch does not expand any more
   */
  async takeOver(): Promise<boolean> {
    if ((await this.#acquire()) === undefined) {
      return false;
    }
    if ((await this.#target.ledger.state(this.status.batch)) === 'expanding') {
      return true;
    }
    await this.#release();
    return false;
  }

  /**
   * Queues the slices and marks the batch as expanded. If the batch ends meanwhile, or is removed,
   * none of them stays.
   *
   * @returns false if another producer does the work, or the batch was cancelled or removed
   */
  async run(options: ExpansionRunOptions = {}): Promise<boolean> {
    const { signal, onFull = () => undefined } = options;
    const lease = await this.#acquire(options);
    if (lease === undefined) {
      return false;
    }
    const { ledger } = this.#target;
    const { batch } = this.status;
    lease.endWithBatch();
    try {
      const signals = signal === undefined ? [lease.ended] : [lease.ended, signal];
      await this.#enqueueAll(AbortSignal.any(signals), onFull);
      // After the last slice: a batch that ends later takes all of them along.
      const status = await ledger.expanded(batch);
      this.#trace?.onEnd(status.isFinishedHere ? status : undefined);
      return status.state !== 'cancelled' || (await this.#withdraw());
    } catch (error) {
      this.#trace?.onEnd(undefined, error);
      const isOver = lease.ended.aborted || error instanceof UnknownBatchError;
      if (isOver && signal?.aborted !== true) {
        return await this.#withdraw();
      }
      throw error;
    } finally {
      await this.#release();
    }
  }

  async #acquire(options: ExpansionRunOptions = {}): Promise<ExpansionLease | undefined> {
    const { timeoutMs = LEASE_TIMEOUT_MS, signal } = options;
    const { ledger } = this.#target;
    const { batch } = this.status;
    this.#lease ??= await ExpansionLease.acquire(ledger, batch, { timeoutMs, signal });
    return this.#lease;
  }

  async #release(): Promise<void> {
    await this.#lease?.release();
    this.#lease = undefined;
  }

  /**
   * Removes what is queued of a batch that has ended or was removed. Who ended it has done so, too,
   * but perhaps before the last slice was queued.
   *
   * @returns whether it is finished: then nothing is missing
   */
  async #withdraw(): Promise<boolean> {
    const { ledger, queue } = this.#target;
    const { batch } = this.status;
    await queue.removeEnded(batch);
    return (await ledger.state(batch)) === 'finished';
  }

  async #enqueueAll(signal: AbortSignal, onFull: (memory: RedisMemory) => void): Promise<void> {
    const { ledger, queue } = this.#target;
    const { batch, sliceSize, mixesOrigins = false } = this.status;
    queue.setShare(batch, this.#crawl.plan.priority);
    const redisRoom = new Room({ memory: async () => queue.memory(batch), onFull, signal });
    const room = async (): Promise<void> => redisRoom.wait();
    const known = this.#known;
    const packing = { sliceSize, mixesOrigins };
    const work = { queue, batch, crawl: this.#crawl, packing, known, room, signal };
    if (!this.#isRepeated) {
      await enqueue(work);
      return;
    }
    // Rejected slices keep their ids: nothing could be queued in their place.
    await queue.rejected.remove(batch);
    const isUnsettled = await ledger.unsettled(batch);
    // Only a retry makes a queued slice lack some of its unsettled fetches.
    const isRetried = ((await ledger.status(batch))?.retries ?? 0) > 0;
    if (!isRetried && !mixesOrigins) {
      await enqueue({ ...work, isUnsettled });
      return;
    }
    const merger = queue.merger({ ledger, isRetried });
    await enqueue({ ...work, queue: merger, isUnsettled });
    await merger.finish(signal);
  }
}

/**
 * Registers a batch once Redis has room for it.
 *
 * @returns whether the batch is new
 */
async function registerWithRoom(
  { ledger, queue }: ExpansionTarget,
  registration: BatchRegistration,
  onFull: CreateOptions['onFull'],
): Promise<boolean> {
  const memory = async (): Promise<RedisMemory | undefined> => queue.memory(registration.id);
  const { signal } = new AbortController();
  const room = onFull === undefined ? undefined : new Room({ memory, onFull, signal });
  for (;;) {
    try {
      return await ledger.register(registration);
    } catch (error) {
      // Without figures of the memory, nobody could tell when there is room again.
      if (room === undefined || !isOutOfMemory(error) || (await memory()) === undefined) {
        throw error;
      }
      await room.wait();
    }
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && refusalCodeOf(error.message) === 'OOM';
}
