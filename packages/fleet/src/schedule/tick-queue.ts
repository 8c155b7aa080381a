import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import type { Schedule } from './schedule.ts';
import { nextTick, REPEAT } from './cron.ts';

/** Name of the queue of ticks, and of runs whose batch is to be expanded. */
export const SCHEDULES = 'schedules';

/** A job of that queue: a tick to decide about or, with the key of a run, a batch to expand. */
export interface ScheduleJob {
  readonly schedule: string;
  readonly run?: string;
}

/** Attempts to expand a batch: a list at a URL may be available again by then. */
const ATTEMPTS = 4;
/** Doubles each time: 5, 10, 20 s. */
const BACKOFF_MS = 5_000;
/** A BullMQ scheduler whose job is overdue for this long has lost the job. */
const OVERDUE_MS = 60_000;

/** Adds ticks and runs to the queue. Workers take them with `TickConsumer`. */
export class TickQueue {
  readonly #queue: Queue<ScheduleJob, void>;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#queue = new Queue(SCHEDULES, {
      connection: redis,
      prefix: keys.home.queuePrefix,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 },
      streams: { events: { maxLen: 100 } },
      settings: REPEAT,
    });
    // The owner of the connection handles its errors. Without a listener, BullMQ prints them as
    // well.
    this.#queue.on('error', () => undefined);
  }

  /**
   * Lets BullMQ wake a worker at every tick. A paused schedule ticks on: `decideTick` ignores that.
   */
  async wake({ id, terms }: Pick<Schedule, 'id' | 'terms'>): Promise<void> {
    await this.#queue.upsertJobScheduler(
      id,
      { pattern: terms.cron, tz: terms.tz },
      { name: 'tick', data: { schedule: id } },
    );
  }

  /**
   * Sets up a schedule in BullMQ again if BullMQ has lost it, or never got it because the command
   * that added it was killed.
   *
   * @returns whether that was necessary
   */
  async repair(schedule: Schedule, nowMs: number): Promise<boolean> {
    const { id, terms } = schedule;
    const known = await this.#queue.getJobScheduler(id);
    const isIntact =
      known !== undefined &&
      known.pattern === terms.cron &&
      known.tz === terms.tz &&
      (known.next ?? 0) > nowMs - OVERDUE_MS;
    if (isIntact || nextTick(terms, nowMs) === undefined) {
      return false;
    }
    await this.wake(schedule);
    return true;
  }

  async forget(id: string): Promise<void> {
    await this.#queue.removeJobScheduler(id);
  }

  /** Ids of the schedules that BullMQ wakes workers for. */
  async known(): Promise<string[]> {
    return (await this.#queue.getJobSchedulers()).map(({ key }) => key);
  }

  /** Queues a run for a worker. A run that is queued or with a worker already stays as it is. */
  async offer(schedule: string, run: string): Promise<void> {
    await this.#queue.add(
      'run',
      { schedule, run },
      {
        jobId: `${schedule}.${run}`,
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: BACKOFF_MS },
      },
    );
  }

  /** Whether a run is queued and no worker has taken it. */
  async isWaiting(schedule: string, run: string): Promise<boolean> {
    const job = await this.#queue.getJob(`${schedule}.${run}`);
    return (await job?.getState()) === 'waiting';
  }

  async stop(): Promise<void> {
    await this.#queue.close();
  }
}
