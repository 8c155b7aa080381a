import { toError } from '@fetchfleet/crawl';
import { type Job, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { isLockError } from '../claims/claim-lost-error.ts';
import { STALLED_INTERVAL_MS, StalledCheck } from '../queue/stalled-check.ts';
import { type Every, everyAlone } from '../redis/every.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { withTimeout } from '../redis/with-timeout.ts';
import { REPEAT } from './cron.ts';
import { type ScheduleJob, SCHEDULES } from './tick-queue.ts';

/** Concurrent expansions in one process. */
const CONCURRENCY = 2;
/** A check that finds a run without its lock gives it to another worker: after 11 s at most. */
const LOCK_MS = 7_000;
const RENEW_MS = 2_000;
/** The longest wait for a job, which ends as soon as there is one. */
const WAIT_SECONDS = 10;
/** A run that was lost by more workers than this has probably killed them. */
const MAX_DEATHS = 5;
const STOP_TIMEOUT_MS = 3_000;
const DRAINING = 'draining';

export interface RunAttempt {
  readonly schedule: string;
  readonly run: string;
  /** Aborts when this worker drains, or has lost the run to another worker. */
  readonly signal: AbortSignal;
  /** No attempt follows this one. */
  readonly isLast: boolean;
}

interface TickConsumerOptions {
  readonly redis: Redis;
  readonly keys?: FleetKeys;
  readonly onTick: (schedule: string) => Promise<void>;
  /** Called for each run. If it throws, the run is tried again. */
  readonly onRun: (attempt: RunAttempt) => Promise<void>;
  /** Called instead for a run that has killed one worker after another. */
  readonly onPoison: (schedule: string, run: string) => Promise<void>;
  readonly onError: (error: Error) => void;
  /** When locks are renewed, and runs of dead workers looked for. @default by timers of its own */
  readonly every?: Every;
}

type TickJob = Job<ScheduleJob, void>;

/** Takes ticks and runs from the queue. It waits on a connection of its own. */
export class TickConsumer {
  readonly #options: TickConsumerOptions;
  #worker: Worker<ScheduleJob, void>;
  /** With the tokens of their locks. */
  readonly #active = new Map<TickJob, string>();
  readonly #every: Every;
  readonly #stalledCheck: StalledCheck;
  #stopRenewing: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: TickConsumerOptions) {
    this.#options = options;
    this.#every = options.every ?? everyAlone;
    this.#worker = this.#create();
    this.#stalledCheck = new StalledCheck(() => this.#worker, this.#every);
  }

  /** Whether it is processing nothing, and would take a queued run at once. */
  get isIdle(): boolean {
    return this.#active.size === 0;
  }

  start(): void {
    this.#run();
    this.#stalledCheck.start();
    this.#stopRenewing ??= this.#every(RENEW_MS, () => this.#renewLocks());
  }

  #run(): void {
    const worker = this.#worker;
    worker.run().catch((error: unknown) => {
      const isCurrent = this.#stopping === undefined && worker === this.#worker;
      if (isCurrent) {
        this.#options.onError(toError(error));
      }
    });
  }

  /** Replaces the connection that waits for jobs, for one that is dead without an error. */
  renew(): void {
    if (this.#stopping !== undefined) {
      return;
    }
    const old = this.#worker;
    this.#worker = this.#create();
    this.#run();
    // The old connection is broken: an error while it closes means nothing.
    old.close(true).catch(() => undefined);
  }

  #create(): Worker<ScheduleJob, void> {
    const { redis, keys = fleetKeys(), onError } = this.#options;
    const worker = new Worker<ScheduleJob, void>(
      SCHEDULES,
      // BullMQ passes the signal only to a function with three plain parameters.
      async (job, token, signal) => this.#hold(job, token, signal),
      {
        connection: redis,
        prefix: keys.home.queuePrefix,
        autorun: false,
        concurrency: CONCURRENCY,
        lockDuration: LOCK_MS,
        skipLockRenewal: true,
        skipStalledCheck: true,
        stalledInterval: STALLED_INTERVAL_MS,
        drainDelay: WAIT_SECONDS,
        settings: REPEAT,
        // Turns BullMQ's own limit off: `#process` decides by MAX_DEATHS.
        maxStalledCount: 1_000,
      },
    );
    worker.on('error', onError);
    return worker;
  }

  /** Its lock is renewed meanwhile. */
  async #hold(job: TickJob, token = '', signal?: AbortSignal): Promise<void> {
    this.#active.set(job, token);
    try {
      await this.#process(job, token, signal);
    } finally {
      this.#active.delete(job);
    }
  }

  /** BullMQ would do the same, by a timer that it also has while there is no job. */
  #renewLocks(): void {
    for (const [job, token] of this.#active) {
      void this.#renewLock(job, token);
    }
  }

  async #renewLock(job: TickJob, token: string): Promise<void> {
    try {
      if ((await job.extendLock(token, LOCK_MS)) > 0) {
        return;
      }
    } catch (error) {
      if (!isLockError(error)) {
        this.#options.onError(toError(error));
        return;
      }
    }
    this.#worker.cancelJob(job.id ?? '', 'lock lost');
  }

  /** Gives running expansions back to the queue, for another worker. May be called twice. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stalledCheck.stop();
    this.#worker.cancelAllJobs(DRAINING);
    // Without Redis nothing can be given back: another worker takes over when the locks expire.
    const timeoutMs = this.#options.redis.status === 'ready' ? STOP_TIMEOUT_MS : 0;
    const isClosed = await withTimeout(
      this.#worker.close().then(() => true),
      timeoutMs,
    );
    if (isClosed === undefined) {
      this.#worker.close(true).catch(() => undefined);
    }
    this.#stopRenewing?.();
    this.#stopRenewing = undefined;
  }

  async #process(job: TickJob, token: string, signal?: AbortSignal): Promise<void> {
    // The blocking read may deliver one more job while the worker closes.
    if (this.#stopping !== undefined) {
      return giveBack(job, token);
    }
    const { schedule, run } = job.data;
    if (run === undefined) {
      return this.#options.onTick(schedule);
    }
    if (job.stalledCounter > MAX_DEATHS) {
      return this.#options.onPoison(schedule, run);
    }
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

/** Puts a run at the head of the queue, without using an attempt. */
async function giveBack(job: TickJob, token: string): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
