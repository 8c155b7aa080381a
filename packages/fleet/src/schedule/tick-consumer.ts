import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { type ScheduleJob, SCHEDULES } from './tick-queue.ts';

/** Expansions at once in one process. */
const CONCURRENCY = 2;
/** A dead worker's run is taken over when a check finds it without its lock: 11 s at most. */
const LOCK_MS = 8_000;
const STALLED_CHECK_MS = 3_000;
/** Workers that a run may kill. */
const MAX_DEATHS = 5;
const STOP_PATIENCE_MS = 3_000;
const DRAINING = 'draining';

export interface RunAttempt {
  readonly schedule: string;
  readonly run: string;
  /** Aborted when this worker drains, or has lost the run to another. */
  readonly signal: AbortSignal;
  /** After this one nobody tries again. */
  readonly isLast: boolean;
}

interface ScheduleWorkerOptions {
  readonly redis: Redis;
  readonly keys?: FleetKeys;
  readonly onTick: (schedule: string) => Promise<void>;
  /** Throws to have the run tried again. */
  readonly onRun: (attempt: RunAttempt) => Promise<void>;
  /** It has killed worker after worker. */
  readonly onPoison: (schedule: string, run: string) => Promise<void>;
  readonly onError: (error: Error) => void;
}

/** Takes ticks and runs from the queue: the side of the worker. Has a connection of its own for waiting. */
export class TickConsumer {
  readonly #options: ScheduleWorkerOptions;
  #worker: Worker<ScheduleJob, void>;
  #active = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: ScheduleWorkerOptions) {
    this.#options = options;
    this.#worker = this.#create();
  }

  /** Whether it has nothing at hand: what is waiting then should be taken at once. */
  get isIdle(): boolean {
    return this.#active === 0;
  }

  start(): void {
    const worker = this.#worker;
    worker.run().catch((error: unknown) => {
      const isCurrent = this.#stopping === undefined && worker === this.#worker;
      if (isCurrent && error instanceof Error) this.#options.onError(error);
    });
  }

  /** Waits on a connection of its own: one that has died in silence is replaced by a new one. */
  renew(): void {
    if (this.#stopping !== undefined) return;
    const old = this.#worker;
    this.#worker = this.#create();
    this.start();
    // Its connection is what is broken: whether it closes in order does not matter.
    old.close(true).catch(() => undefined);
  }

  #create(): Worker<ScheduleJob, void> {
    const { redis, keys = fleetKeys(), onError } = this.#options;
    const worker = new Worker<ScheduleJob, void>(
      SCHEDULES,
      // Three plain parameters, or BullMQ hands no signal over.
      async (job, token, signal) => this.#count(async () => this.#process(job, token, signal)),
      {
        connection: redis,
        prefix: keys.queuePrefix,
        autorun: false,
        concurrency: CONCURRENCY,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_CHECK_MS,
        // We judge ourselves, see below.
        maxStalledCount: 1_000,
      },
    );
    worker.on('error', onError);
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) worker.cancelJob(id, 'lock lost');
    });
    return worker;
  }

  async #count(work: () => Promise<void>): Promise<void> {
    this.#active += 1;
    try {
      await work();
    } finally {
      this.#active -= 1;
    }
  }

  /** Gives what is being expanded back to the queue, for another worker. Twice is fine. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#worker.cancelAllJobs(DRAINING);
    const patience = new AbortController();
    // Without Redis nothing can be given back: another worker takes over what is left.
    const timeoutMs = this.#options.redis.status === 'ready' ? STOP_PATIENCE_MS : 0;
    const late = sleep(timeoutMs, true, { signal: patience.signal }).catch(() => false);
    const isLate = await Promise.race([this.#worker.close().then(() => false), late]);
    patience.abort();
    if (isLate) this.#worker.close(true).catch(() => undefined);
  }

  async #process(job: Job<ScheduleJob>, token?: string, signal?: AbortSignal): Promise<void> {
    // The read that waits for jobs may bring one more while the worker closes.
    if (this.#stopping !== undefined) return giveBack(job, token);
    const { schedule, run } = job.data;
    if (run === undefined) return this.#options.onTick(schedule);
    if (job.stalledCounter > MAX_DEATHS) return this.#options.onPoison(schedule, run);
    const isLast = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    const ending = signal ?? new AbortController().signal;
    try {
      await this.#options.onRun({ schedule, run, signal: ending, isLast });
    } catch (error) {
      if (ending.aborted && ending.reason === DRAINING) {
        return giveBack(job, token);
      }
      throw error;
    }
  }
}

/** To the head of the queue, with no try used. */
async function giveBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
