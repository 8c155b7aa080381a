import { type Slice, toError } from '@fetchfleet/crawl';
import { type Job, type JobJson, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { STALLED_INTERVAL_MS, StalledCheck } from '../queue/stalled-check.ts';
import type { Every } from '../redis/every.ts';
import { type ShardKeys, SLICES } from '../redis/keys.ts';
import { isRedisReply } from '../redis/redis-error.ts';
import { ClaimLostError, isLockError } from './claim-lost-error.ts';
import type { ClaimedSlice, SlicePart } from './claimed-slice.ts';
import { LOST_IN_VAIN } from './lost-in-vain.ts';
import { callWhenFull, Script } from '../redis/script.ts';
import { SPLIT_SLICE } from './split-slice.lua.ts';
import { VirtualClockReporter } from './virtual-clock-reporter.ts';

/**
 * Writes the data of a slice as long as the caller has its lock: a worker that was frozen must not
 * overwrite what another one has made of the slice since.
 *
 * KEYS     the slice · its lock
 * ARGV     token of the lock · the data
 * Returns  1 if it was written, 0 if the lock is lost or the slice was removed
 * Atomic   the lock may pass on between check and write
 */
const UPDATE = new Script(
  `
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1
`,
  z.number().int(),
);

/**
 * Removes a slice of a cancelled batch as long as the caller has its lock.
 *
 * KEYS     the slice · its lock · batch hash · active · stalled
 * ARGV     id of the slice · token of its lock
 * Returns  1 if it was removed, 0 if its batch is not cancelled, -1 if the lock is lost
 * Atomic   whoever resumes the batch meanwhile passes over the slices that are there
 */
const DROP = new Script(
  `
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return -1 end
if redis.call('HGET', KEYS[3], 'state') ~= 'cancelled' then return 0 end
redis.call('LREM', KEYS[4], -1, ARGV[1])
redis.call('SREM', KEYS[5], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2])
return 1
`,
  z.number().int(),
);

const split = new Script(SPLIT_SLICE, z.number().int());

/** A claim expires so long after its last renewal; 15 s with the check for dead workers. */
const LOCK_MS = 10_000;
const RENEW_MS = 3_000;
/** Claims in one call: a worker may hold thousands, and Redis does nothing else meanwhile. */
const RENEWED_AT_ONCE = 500;
/** Turns BullMQ's own limit off: the worker decides by `redeliveries`. */
const MAX_STALLED = 1_000_000;

interface Claim {
  readonly job: Job<Slice>;
  readonly token: string;
  readonly lost: AbortController;
}

export interface ShardClaimsOptions {
  readonly redis: Redis;
  readonly keys: ShardKeys;
  /** Unique in the fleet: part of the lock tokens. */
  readonly worker: string;
  readonly onError: (error: Error) => void;
  /** Called for each slice of a dead worker that is queued again. */
  readonly onStalled?: ((sliceId: string) => void) | undefined;
  /** The longest wait for a slice; at most 10. */
  readonly waitSeconds: number;
  /** When locks are renewed, and slices of dead workers looked for. */
  readonly every: Every;
}

/**
 * Claims slices of one shard for a worker: see `SliceClaims`. It calls BullMQ's worker directly
 * (`getNextJob`): when to claim depends on free fetch permits, not on a number of jobs, because
 * slices that are claimed too early wait in one process while others are idle. So this class also
 * does what BullMQ's own loop would do: it renews locks, and it checks for slices of dead workers.
 */
export class ShardClaims {
  readonly #redis: Redis;
  readonly #keys: ShardKeys;
  #worker: Worker<Slice>;
  /** Called when {@link #worker} is replaced. */
  readonly #onReplaced = new Set<() => void>();
  readonly #onStalled: ((sliceId: string) => void) | undefined;
  readonly #waitSeconds: number;
  readonly #clock: VirtualClockReporter;
  readonly #every: Every;
  readonly #stalledCheck: StalledCheck;
  readonly #onError: (error: Error) => void;
  readonly #claims = new Map<string, Claim>();
  #stopRenewing: (() => void) | undefined;
  /** What Redis answered to the read that waits for a slice, if that was an error. */
  #refusal: Error | undefined;
  #tokens = 0;
  readonly #name: string;

  constructor(options: ShardClaimsOptions) {
    this.#name = options.worker;
    this.#onError = options.onError;
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#clock = new VirtualClockReporter(this.#redis, this.#keys);
    this.#onStalled = options.onStalled;
    this.#waitSeconds = options.waitSeconds;
    this.#every = options.every;
    this.#worker = this.#createWorker();
    this.#stalledCheck = new StalledCheck(() => this.#worker, this.#every);
  }

  /** Slices that are claimed and not ended. */
  get active(): number {
    return this.#claims.size;
  }

  async start(): Promise<void> {
    await this.#worker.waitUntilReady();
    await this.#clock.start();
    if (this.#worker.closing === undefined) {
      this.#stalledCheck.start();
    }
    this.#stopRenewing ??= this.#every(RENEW_MS, () => this.#renew());
  }

  /**
   * Claims through new connections from now on: a client whose answer was lost never stops waiting.
   * Open claims stay; they are renewed and ended through the connection that the caller owns.
   */
  async rebuild(): Promise<void> {
    const stuck = this.#worker;
    if (stuck.closing !== undefined) {
      return;
    }
    this.#worker = this.#createWorker();
    for (const replaced of this.#onReplaced) {
      replaced();
    }
    // Not awaited: closing a stuck worker may take for ever.
    void stuck.close(true).catch(this.#onError);
    await this.#worker.waitUntilReady();
  }

  /**
   * Stops claiming at once. Open claims are still renewed and can be ended.
   *
   * BullMQ's worker is closed by force, which cuts its blocking read: otherwise that read would
   * claim the slices that this worker is about to give back. Jobs are not affected, because they
   * use the connection that the caller owns.
   */
  async pause(): Promise<void> {
    this.#stalledCheck.stop();
    await this.#worker.close(true);
  }

  /** Call it when every claim has ended. Open claims are no longer renewed and expire. */
  async stop(): Promise<void> {
    await this.pause();
    this.#stopRenewing?.();
    this.#stopRenewing = undefined;
    await this.#clock.stop();
  }

  /**
   * The next slice. Rejects while Redis cannot be reached, and when Redis answers with an error:
   * that is not the same as "nothing to claim".
   *
   * @param options.block waits a few seconds for a slice; otherwise takes what is there now, in one
   *   round trip. @default true
   */
  async claim({ block = true }: { readonly block?: boolean } = {}): Promise<
    ClaimedSlice | undefined
  > {
    const token = `${this.#name}:${this.#tokens++}`;
    const { baseEpoch } = this.#clock;
    const job = await this.#nextJob(token, block);
    if (job?.id === undefined) {
      return undefined;
    }
    this.#clock.claimed(baseEpoch, job.priority);
    const claim: Claim = { job, token, lost: new AbortController() };
    this.#claims.set(job.id, claim);
    return this.#claimed(job.id, claim);
  }

  /** Gives a slice back that nobody waits for, as it was claimed. */
  async release({ id }: Pick<ClaimedSlice, 'id'>): Promise<void> {
    const claim = this.#claims.get(id);
    if (claim !== undefined) {
      this.#claims.delete(id);
      await this.#moveToWait(claim.job, claim.token);
    }
  }

  /** A wait on connections that are replaced starts again on the new ones. */
  async #nextJob(token: string, block: boolean): Promise<Job<Slice> | undefined> {
    for (;;) {
      const request = this.#getNextJob(token, block);
      const { promise: replaced, resolve } = Promise.withResolvers<'replaced'>();
      const onReplaced = (): void => resolve('replaced');
      this.#onReplaced.add(onReplaced);
      try {
        const answer = await Promise.race([request, replaced]);
        if (answer !== 'replaced') {
          return answer;
        }
      } finally {
        this.#onReplaced.delete(onReplaced);
      }
      void this.#giveBackLate(request, token);
    }
  }

  /** BullMQ emits the errors of its blocking read, and then answers as if the queue was empty. */
  async #getNextJob(token: string, block: boolean): Promise<Job<Slice> | undefined> {
    this.#takeRefusal();
    const job = await this.#worker.getNextJob(token, { block });
    const refusal = this.#takeRefusal();
    if (block && job === undefined && refusal !== undefined) {
      throw refusal;
    }
    return job;
  }

  #takeRefusal(): Error | undefined {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    return refusal;
  }

  /** Nothing waits for this answer any more: a slice that it brings goes back to the queue. */
  async #giveBackLate(request: Promise<Job<Slice> | undefined>, token: string): Promise<void> {
    try {
      const job = await request;
      if (job !== undefined) {
        await this.#moveToWait(job, token);
      }
    } catch (error) {
      // The connection is dead. If the request has claimed a slice, that claim expires.
      this.#onError(toError(error));
    }
  }

  /**
   * BullMQ wakes no worker for a job with a priority: one that waits would see it seconds later.
   */
  async #moveToWait(job: Job<Slice>, token: string): Promise<void> {
    await job.moveToWait(token);
    await callWhenFull(this.#redis, 'ZADD', this.#keys.queue('marker'), 0, '0');
  }

  #createWorker(): Worker<Slice> {
    const worker = new SliceWorker(SLICES, null, {
      connection: this.#redis,
      prefix: this.#keys.queuePrefix,
      autorun: false,
      lockDuration: LOCK_MS,
      skipStalledCheck: true,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED,
      drainDelay: this.#waitSeconds,
    });
    worker.on('error', (error) => {
      this.#onError(error);
      if (isRedisReply(error)) {
        this.#refusal = error;
      }
    });
    if (this.#onStalled !== undefined) {
      worker.on('stalled', this.#onStalled);
    }
    return worker;
  }

  #claimed(id: string, claim: Claim): ClaimedSlice {
    const { job, token, lost } = claim;
    const end = async (finish: () => Promise<unknown>): Promise<void> => {
      if (lost.signal.aborted) {
        throw new ClaimLostError(id);
      }
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
      lostInVain: async (stand) => {
        const key = this.#keys.queue(id);
        const args = [token, job.stalledCounter, stand];
        const count = await LOST_IN_VAIN.run(this.#redis, [key, `${key}:lock`], args);
        if (count < 0) {
          throw new ClaimLostError(id);
        }
        return count;
      },
      lost: lost.signal,
      complete: async () => end(async () => job.moveToCompleted(undefined, token, false)),
      drop: async (rest, dueInMs) =>
        end(async () => {
          if (!(await this.#drop(id, token, rest.batch))) {
            await this.#delay(claim, rest, dueInMs);
          }
        }),
      delay: async (rest, dueInMs) => end(async () => this.#delay(claim, rest, dueInMs)),
      giveBack: async (rest) =>
        end(async () => {
          await this.#update(id, token, rest);
          await this.#moveToWait(job, token);
        }),
      reject: async (reason) => end(async () => job.moveToFailed(reason, token, false)),
      split: async (part, left) => this.#split(id, claim, { part, left }),
    };
  }

  async #split(
    id: string,
    { token, lost }: Claim,
    { part, left }: { readonly part: SlicePart; readonly left: Slice | undefined },
  ): Promise<boolean> {
    const queue = (name: string): string => this.#keys.queue(name);
    const sets = ['active', 'delayed', 'wait', 'marker', 'stalled'].map(queue);
    const { dueInMs } = part;
    const dueAt = dueInMs === undefined ? 0 : Math.ceil(Date.now() + dueInMs);
    const leftText = left === undefined ? '' : JSON.stringify(left);
    const taken = lost.signal.aborted
      ? 0
      : await split.run(
          this.#redis,
          [queue(id), queue(`${id}:lock`), queue(part.id), ...sets],
          [id, token, leftText, part.id, JSON.stringify(part.slice), dueAt],
        );
    if (taken === 0) {
      throw new ClaimLostError(id);
    }
    if (taken === 1 && left === undefined) {
      this.#claims.delete(id);
    }
    return taken === 1;
  }

  /** Whether the slice was removed, because its batch is cancelled. */
  async #drop(id: string, token: string, batch: string): Promise<boolean> {
    const queue = (name: string): string => this.#keys.queue(name);
    const sets = ['active', 'stalled'].map(queue);
    const keys = [queue(id), queue(`${id}:lock`), `${this.#keys.batchPrefix}${batch}`, ...sets];
    const dropped = await DROP.run(this.#redis, keys, [id, token]);
    if (dropped < 0) {
      throw new ClaimLostError(id);
    }
    return dropped === 1;
  }

  async #delay({ job, token }: Claim, rest: Slice, dueInMs: number): Promise<void> {
    await this.#update(job.id ?? '', token, rest);
    await job.moveToDelayed(Date.now() + dueInMs, token);
  }

  async #update(id: string, token: string, rest: Slice): Promise<void> {
    const key = this.#keys.queue(id);
    const args = [token, JSON.stringify(rest)];
    if ((await UPDATE.run(this.#redis, [key, `${key}:lock`], args)) === 0) {
      throw new ClaimLostError(id);
    }
  }

  #renew(): void {
    this.#clock.flush();
    const claims = [...this.#claims];
    for (let at = 0; at < claims.length; at += RENEWED_AT_ONCE) {
      void this.#renewSome(new Map(claims.slice(at, at + RENEWED_AT_ONCE)));
    }
  }

  async #renewSome(claims: ReadonlyMap<string, Claim>): Promise<void> {
    try {
      const ids = [...claims.keys()];
      const tokens = [...claims.values()].map(({ token }) => token);
      for (const id of await this.#worker.extendJobLocks(ids, tokens, LOCK_MS)) {
        this.#lose(id, claims.get(id));
      }
    } catch (error) {
      this.#onError(toError(error));
    }
  }

  #lose(id: string, claim: Claim | undefined): void {
    // It may have ended meanwhile.
    if (claim !== undefined && this.#claims.get(id) === claim) {
      this.#claims.delete(id);
      claim.lost.abort(new ClaimLostError(id));
    }
  }
}

/**
 * BullMQ throws at data that is not JSON, in the middle of a claim: the slice would be claimed and
 * lost again and again. As `null` it is an invalid slice like any other, which its worker rejects.
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
