import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import type { Schedule } from './schedule.ts';
import { nextTick } from './cron.ts';

/** Name of the queue of ticks and of runs that are to be expanded. */
export const SCHEDULES = 'schedules';

/** A job of that queue: a tick to be decided about, or (with the key of a run) a batch to be expanded. */
export interface ScheduleJob {
  readonly schedule: string;
  readonly run?: string;
}

/** Tries of one expansion: a list at a URL may be back by then. */
const ATTEMPTS = 4;
/** Doubles: 5, 10, 20 s. */
const BACKOFF_MS = 5_000;
/** A scheduler whose job has been overdue for so long has lost it. */
const OVERDUE_MS = 60_000;

/** Wakes workers up for ticks and hands runs to them: the side of whoever adds. */
export class TickQueue {
  readonly #queue: Queue<ScheduleJob, void>;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#queue = new Queue(SCHEDULES, {
      connection: redis,
      prefix: keys.queuePrefix,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 },
      streams: { events: { maxLen: 100 } },
    });
    // Whoever owns the connection hears of its errors; BullMQ would print them as well.
    this.#queue.on('error', () => undefined);
  }

  /** Lets BullMQ wake a worker at every tick. A paused schedule ticks on: the ledger decides that nothing comes of it. */
  async wake({ id, terms }: Pick<Schedule, 'id' | 'terms'>): Promise<void> {
    await this.#queue.upsertJobScheduler(
      id,
      { pattern: terms.cron, tz: terms.tz },
      { name: 'tick', data: { schedule: id } },
    );
  }

  /** Does so again where BullMQ has lost a scheduler, or never got it because its command was killed. @returns whether it had to */
  async repair(schedule: Schedule, nowMs: number): Promise<boolean> {
    const { id, terms } = schedule;
    const known = await this.#queue.getJobScheduler(id);
    const isRight =
      known !== undefined &&
      known.pattern === terms.cron &&
      known.tz === terms.tz &&
      (known.next ?? 0) > nowMs - OVERDUE_MS;
    if (isRight || nextTick(terms, nowMs) === undefined) return false;
    await this.wake(schedule);
    return true;
  }

  async forget(id: string): Promise<void> {
    await this.#queue.removeJobScheduler(id);
  }

  /** Ids that BullMQ wakes workers for. */
  async known(): Promise<string[]> {
    return (await this.#queue.getJobSchedulers()).map(({ key }) => key);
  }

  /** Hands a run to a worker; one that has it already, or is about to, keeps it. */
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

  /** Whether a run lies there for any worker to take. */
  async isWaiting(schedule: string, run: string): Promise<boolean> {
    const job = await this.#queue.getJob(`${schedule}.${run}`);
    return (await job?.getState()) === 'waiting';
  }

  async stop(): Promise<void> {
    await this.#queue.close();
  }
}
