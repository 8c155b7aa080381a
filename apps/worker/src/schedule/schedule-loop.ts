import { toError } from '@fetchfleet/crawl';
import {
  type Decision,
  type FleetKeys,
  TickQueue,
  type ScheduleRun,
  ScheduleStore,
  ScheduleLists,
  TickConsumer,
} from '@fetchfleet/fleet';
import { type Logger } from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import { RunStarter, type ScheduledRunsOptions } from './run-starter.ts';

/** How often somebody in the fleet looks for what BullMQ did not wake it up for, and for runs that wait for a batch. */
const CHECK_MS = 5_000;
/** A healthy worker with nothing to do takes a run within milliseconds. */
const STUCK_MS = 30_000;
/** A little less, or a worker could find its own claim and skip every second look. */
const CHECK_CLAIM_MS = 4_500;

export interface SchedulerOptions extends Pick<
  ScheduledRunsOptions,
  'ledger' | 'queue' | 'fetcher' | 'log'
> {
  readonly redis: Redis;
  readonly keys: FleetKeys;
  readonly worker: string;
  readonly onError: (error: Error) => void;
}

/**
 * The part of a worker that turns schedules into batches. BullMQ wakes it at every tick; what becomes of the tick is decided in Redis,
 * so it may also be woken late, twice, or (by its own look every 5 s) without BullMQ.
 */
export class ScheduleLoop {
  readonly #options: SchedulerOptions;
  readonly #log: Logger;
  readonly #schedules: ScheduleStore;
  readonly #jobs: TickQueue;
  readonly #worker: TickConsumer;
  #timer: NodeJS.Timeout | undefined;
  #renewedAt = 0;
  #checking: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    const { redis, keys, ledger, queue, fetcher, log, onError } = options;
    this.#options = options;
    this.#log = log;
    this.#schedules = new ScheduleStore(redis, keys);
    this.#jobs = new TickQueue(redis, keys);
    const lists = new ScheduleLists(redis, keys);
    const schedules = this.#schedules;
    const runs = new RunStarter({ schedules, lists, ledger, queue, fetcher, log });
    this.#worker = new TickConsumer({
      redis,
      keys,
      onTick: async (schedule) => this.#decide(schedule),
      onRun: async (attempt) => runs.start(attempt),
      onPoison: async (schedule, run) => runs.poisoned(schedule, run),
      onError,
    });
  }

  start(): void {
    this.#worker.start();
    this.#check();
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
  }

  /** What is being enqueued goes back to the queue. Twice is fine. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    // While Redis is away a look does not end.
    if (this.#options.redis.status === 'ready') await this.#checking;
    await this.#worker.stop();
    await this.#jobs.stop();
  }

  #check(): void {
    // While Redis is away nothing is asked: questions would only pile up.
    if (this.#checking !== undefined || this.#options.redis.status !== 'ready') return;
    this.#checking = this.#look()
      .catch((error: unknown) => this.#options.onError(toError(error)))
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async #look(): Promise<void> {
    if (!(await this.#schedules.claimCheck(this.#options.worker, CHECK_CLAIM_MS))) return;
    const ids = await this.#schedules.ids();
    for (const id of ids) await this.#lookAt(id);
    for (const id of await this.#jobs.known()) {
      // Its command was killed between the two: the schedule is gone, and BullMQ does not know.
      if (!ids.includes(id) && (await this.#schedules.get(id)) === undefined) {
        await this.#jobs.forget(id);
      }
    }
  }

  async #lookAt(id: string): Promise<void> {
    await this.#decide(id);
    const advanced = await this.#schedules.advance(id);
    if (advanced !== undefined) await this.#offer(id, advanced);
    const schedule = await this.#schedules.get(id);
    if (schedule === undefined) return;
    // Whoever decided about one may have died before it was handed over.
    for (const run of schedule.runs) {
      if (run.state !== 'starting') continue;
      await this.#offer(id, run);
      await this.#renewIfStuck(id, run);
    }
    if (await this.#jobs.repair(schedule, Date.now())) {
      this.#log.info({ schedule: id }, 'schedule set up again');
    }
  }

  /** A run that nobody takes, though nothing is at hand here: the connection that should tell of it has died in silence. */
  async #renewIfStuck(schedule: string, { key, decidedAt }: ScheduleRun): Promise<void> {
    const now = Date.now();
    const isOld = now - Math.max(decidedAt, this.#renewedAt) > STUCK_MS;
    if (!isOld || !this.#worker.isIdle || !(await this.#jobs.isWaiting(schedule, key))) return;
    this.#renewedAt = now;
    this.#log.warn({ schedule }, 'no run was taken for 30 s; new connection for schedules');
    this.#worker.renew();
  }

  async #decide(id: string): Promise<void> {
    const decision = await this.#schedules.decideTick(id);
    if (decision === undefined) return;
    this.#tell(id, decision);
    if (decision.state === 'starting') await this.#offer(id, decision);
  }

  async #offer(id: string, { key }: ScheduleRun): Promise<void> {
    await this.#jobs.offer(id, key);
  }

  #tell(schedule: string, decision: Decision): void {
    const { batch, reason, state, isCaughtUp, older } = decision;
    const tick = new Date(decision.at).toISOString();
    if (older > 0 || state === 'missed') {
      const count = state === 'missed' ? (decision.count ?? 1) : older;
      this.#log.warn({ schedule, tick, count }, 'ticks missed');
    }
    if (state === 'skipped') this.#log.warn({ schedule, tick, reason }, 'tick skipped');
    if (state === 'queued') this.#log.info({ schedule, tick, batch, reason }, 'tick queued');
    if (state !== 'starting') return;
    const message = isCaughtUp === true ? 'missed tick caught up' : 'tick taken';
    this.#log.info({ schedule, tick, batch }, message);
  }
}
