import type { Slice } from '@fetchfleet/crawl';
import { type Job, type JobJson, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { FairProgress } from './fair-progress.ts';
import { type FleetKeys, fleetKeys, SLICES } from '../redis/keys.ts';

/** A claim is lost this long after its worker was last heard of. With the check below, 15 s at most. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 4_000;
const RENEW_MS = 3_000;
/** BullMQ's own limit is out of the way: the worker judges `redeliveries`. */
const MAX_STALLED = 1_000_000;

/** A slice that this process has claimed. Exactly one of the four ends must be called; all are refused once it is lost. */
export interface ClaimedSlice {
  readonly id: string;
  /** As found in the queue: not validated. */
  readonly data: unknown;
  /** How often a worker vanished while it had this slice. */
  readonly redeliveries: number;
  /** Aborted when the claim was lost: another worker has the slice, touch nothing. */
  readonly lost: AbortSignal;
  /** Nothing is left to do: the job goes. */
  complete(): Promise<void>;
  /** The rest comes back after `dueInMs`, for any worker. */
  delay(rest: Slice, dueInMs: number): Promise<void>;
  /** The rest goes back, before all that has not been claimed yet. */
  giveBack(rest: Slice): Promise<void>;
  /** Not a slice of ours: kept among the failed jobs, with the reason. */
  reject(reason: Error): Promise<void>;
}

interface Claim {
  readonly job: Job<Slice>;
  readonly token: string;
  readonly lost: AbortController;
}

/**
 * Where a worker gets its slices. BullMQ's worker is driven by hand (`getNextJob`), because *when* to claim depends on
 * free fetch permits, not on a number of jobs: slices claimed too early sit in one process while others idle.
 * What its own loop would have done is done here: renewing locks, and looking for slices of dead workers.
 */
export class SliceClaims {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  #worker: Worker<Slice>;
  /** Told when {@link #worker} is replaced. */
  readonly #waiting = new Set<() => void>();
  readonly #onStalled: ((sliceId: string) => void) | undefined;
  readonly #progress: FairProgress;
  readonly #onError: (error: Error) => void;
  readonly #claims = new Map<string, Claim>();
  #renewal: NodeJS.Timeout | undefined;
  #tokens = 0;
  readonly #name: string;

  constructor(options: {
    readonly redis: Redis;
    readonly keys?: FleetKeys;
    /** Unique in the fleet: lock tokens carry it. */
    readonly worker: string;
    readonly onError: (error: Error) => void;
    /** Told about slices of dead workers that are queued again. */
    readonly onStalled?: (sliceId: string) => void;
  }) {
    this.#name = options.worker;
    this.#onError = options.onError;
    this.#redis = options.redis;
    this.#keys = options.keys ?? fleetKeys();
    this.#progress = new FairProgress(this.#redis, this.#keys);
    this.#onStalled = options.onStalled;
    this.#worker = this.#createWorker();
  }

  /** Slices claimed and not yet ended. */
  get active(): number {
    return this.#claims.size;
  }

  async start(): Promise<void> {
    await this.#worker.waitUntilReady();
    await this.#progress.start();
    await this.#worker.startStalledCheckTimer();
    this.#renewal ??= setInterval(() => this.#renew(), RENEW_MS);
  }

  /**
   * Claims through new connections from here on, for a client that waits for ever for an answer that was lost. Open claims are kept:
   * they are renewed and ended through the connection that is ours.
   */
  async rebuild(): Promise<void> {
    const stuck = this.#worker;
    if (stuck.closing !== undefined) return;
    this.#worker = this.#createWorker();
    for (const tell of this.#waiting) tell();
    // It may take for ever, which is why it is replaced.
    void stuck.close(true).catch(this.#onError);
    await this.#worker.waitUntilReady();
    await this.#worker.startStalledCheckTimer();
  }

  /**
   * Stops claiming at once; open claims are still renewed, and can be ended.
   *
   * BullMQ's worker is closed by force, which cuts its blocking read: left waiting, it would take the very slices that this worker
   * is about to give back. Jobs work on all the same, because the connection they use is ours.
   */
  async pause(): Promise<void> {
    await this.#worker.close(true);
  }

  /** To be called when every claim has ended; open ones would be left to expire. */
  async stop(): Promise<void> {
    await this.pause();
    clearInterval(this.#renewal);
    this.#renewal = undefined;
    await this.#progress.stop();
  }

  /**
   * The next slice. Rejects while Redis cannot be reached.
   *
   * @param options.block waits a few seconds for a slice; otherwise takes what is there now, in one
   *   round trip. @default true
   */
  async claim({ block = true }: { readonly block?: boolean } = {}): Promise<
    ClaimedSlice | undefined
  > {
    const token = `${this.#name}:${this.#tokens++}`;
    const era = this.#progress.era;
    const job = await this.#nextJob(token, block);
    if (job?.id === undefined) return undefined;
    this.#progress.claimed(era, job.priority);
    const claim: Claim = { job, token, lost: new AbortController() };
    this.#claims.set(job.id, claim);
    return this.#claimed(job.id, claim);
  }

  /** Whoever waits on connections that are replaced goes on with the new ones. */
  async #nextJob(token: string, block: boolean): Promise<Job<Slice> | undefined> {
    for (;;) {
      const asked = this.#worker.getNextJob(token, { block });
      const { promise: replaced, resolve } = Promise.withResolvers<'replaced'>();
      const tell = (): void => resolve('replaced');
      this.#waiting.add(tell);
      try {
        const answer = await Promise.race([asked, replaced]);
        if (answer !== 'replaced') return answer;
      } finally {
        this.#waiting.delete(tell);
      }
      void this.#refuse(asked, token);
    }
  }

  /** What an answer brings that nobody waits for any more goes back at once. */
  async #refuse(asked: Promise<Job<Slice> | undefined>, token: string): Promise<void> {
    try {
      const job = await asked;
      if (job === undefined) return;
      await job.moveToWait(token);
      await this.#redis.zadd(this.#keys.queue('marker'), 0, '0');
    } catch (error) {
      // The connection is gone for good, and the claim with it if there was one: it expires.
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #createWorker(): Worker<Slice> {
    const worker = new SliceWorker(SLICES, null, {
      connection: this.#redis,
      prefix: this.#keys.queuePrefix,
      autorun: false,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED,
      drainDelay: 5,
    });
    worker.on('error', this.#onError);
    if (this.#onStalled !== undefined) worker.on('stalled', this.#onStalled);
    return worker;
  }

  #claimed(id: string, claim: Claim): ClaimedSlice {
    const { job, token, lost } = claim;
    const end = async (finish: () => Promise<unknown>): Promise<void> => {
      if (lost.signal.aborted) throw new ClaimLostError(id);
      try {
        await finish();
      } catch (error) {
        throw isLockError(error) ? new ClaimLostError(id, { cause: error }) : error;
      } finally {
        this.#claims.delete(id);
      }
    };
    return {
      id,
      data: job.data,
      redeliveries: job.stalledCounter,
      lost: lost.signal,
      complete: async () => end(async () => job.moveToCompleted(undefined, token, false)),
      delay: async (rest, dueInMs) =>
        end(async () => {
          await job.updateData(rest);
          await job.moveToDelayed(Date.now() + dueInMs, token);
        }),
      giveBack: async (rest) =>
        end(async () => {
          await job.updateData(rest);
          await job.moveToWait(token);
          // BullMQ puts it back in silence if it has a priority: a worker that waits would see it seconds later.
          await this.#redis.zadd(this.#keys.queue('marker'), 0, '0');
        }),
      reject: async (reason) => end(async () => job.moveToFailed(reason, token, false)),
    };
  }

  #renew(): void {
    this.#progress.flush();
    for (const [id, claim] of this.#claims) void this.#renewOne(id, claim);
  }

  async #renewOne(id: string, claim: Claim): Promise<void> {
    try {
      const extended = await claim.job.extendLock(claim.token, LOCK_MS);
      if (extended === 0) this.#lose(id, claim);
    } catch (error) {
      if (isLockError(error)) this.#lose(id, claim);
      else this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #lose(id: string, claim: Claim): void {
    if (this.#claims.get(id) !== claim) return; // it ended meanwhile
    this.#claims.delete(id);
    claim.lost.abort(new ClaimLostError(id));
  }
}

/**
 * BullMQ throws at data that is no JSON, in the middle of a claim: the slice would be claimed and lost again and again. As `null` it is a
 * slice like others that are none of ours, which its worker rejects.
 */
class SliceWorker extends Worker<Slice> {
  protected override createJob(data: JobJson, jobId: string): Job<Slice> {
    try {
      return super.createJob(data, jobId);
    } catch {
      return super.createJob({ ...data, data: 'null' }, jobId);
    }
  }
}

/** BullMQ tells "Missing lock", "Lock mismatch" and "is not in the active state" apart; for us they are one. */
function isLockError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /\block\b|not in the active state|Missing key for job/i.test(error.message)
  );
}

/** Another worker owns the slice by now. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
  readonly code = 'CLAIM_LOST';

  constructor(id: string, options?: ErrorOptions) {
    super(`slice ${id} was lost to another worker`, options);
  }
}
