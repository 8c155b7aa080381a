import { toError } from '@fetchfleet/crawl';
import {
  type Decision,
  type FleetKeys,
  type OnPassedOver,
  refusalCodeOf,
  type ScheduleRun,
  ScheduleLists,
  ScheduleStore,
  StoredStateError,
  TickConsumer,
  TickQueue,
} from '@fetchfleet/fleet';
import type { Every, Logger } from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import type { Retention } from './retention.ts';
import { RunStarter, type RunStarterOptions } from './run-starter.ts';

/**
 * How often one worker of the fleet checks for ticks that BullMQ has missed and for runs that wait
 * for a batch.
 */
const CHECK_MS = 5_000;
/** An idle, healthy worker takes a run within milliseconds. */
const STUCK_MS = 30_000;
/** Less than the interval, or a worker could find its own claim and skip every second check. */
const CHECK_CLAIM_MS = 4_500;

export interface ScheduleLoopOptions extends Pick<
  RunStarterOptions,
  'ledger' | 'queue' | 'fetcher' | 'results' | 'log' | 'tracing'
> {
  readonly redis: Redis;
  readonly every: Every;
  readonly keys: FleetKeys;
  readonly worker: string;
  readonly onError: (error: Error) => void;
  readonly onPassedOver?: OnPassedOver;
  /** Removes what schedules do not keep. @default nobody does */
  readonly retention?: Pick<Retention, 'check'> | undefined;
}

/**
 * Turns schedules into batches. BullMQ wakes a worker at every tick, and Redis decides what the
 * tick does. So it does not matter if a worker is woken late or twice, or only by its own check
 * every 5 s.
 */
export class ScheduleLoop {
  readonly #options: ScheduleLoopOptions;
  readonly #log: Logger;
  readonly #schedules: ScheduleStore;
  readonly #ticks: TickQueue;
  readonly #consumer: TickConsumer;
  #stopTimer: (() => void) | undefined;
  #renewedAt = 0;
  #checking: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ScheduleLoopOptions) {
    const { redis, keys, ledger, queue, fetcher, results, log, onError, onPassedOver } = options;
    const { tracing } = options;
    this.#options = options;
    this.#log = log;
    this.#schedules = new ScheduleStore(redis, keys, onPassedOver && { onPassedOver });
    this.#ticks = new TickQueue(redis, keys);
    const lists = new ScheduleLists(redis, keys);
    const schedules = this.#schedules;
    const runs = new RunStarter({
      schedules,
      lists,
      ledger,
      queue,
      fetcher,
      results,
      log,
      tracing,
    });
    this.#consumer = new TickConsumer({
      redis,
      keys,
      every: options.every,
      onTick: async (schedule) => this.#decide(schedule),
      onRun: async (attempt) => runs.start(attempt),
      onPoison: async (schedule, run) => runs.failPoisonous(schedule, run),
      onError,
    });
  }

  start(): void {
    this.#consumer.start();
    this.#check();
    this.#stopTimer ??= this.#options.every(CHECK_MS, () => this.#check());
  }

  /** Gives a batch that is being enqueued back to the queue. Calling it twice is fine. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopTimer?.();
    // While Redis is away a check does not end.
    if (this.#options.redis.status === 'ready') {
      await this.#checking;
    }
    await this.#consumer.stop();
    await this.#ticks.stop();
  }

  #check(): void {
    // While Redis is away, commands would only pile up in the client.
    if (this.#checking !== undefined || this.#options.redis.status !== 'ready') {
      return;
    }
    this.#checking = this.#checkAll()
      .catch((error: unknown) => this.#options.onError(toError(error)))
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async #checkAll(): Promise<void> {
    if (!(await this.#schedules.claimCheck(this.#options.worker, CHECK_CLAIM_MS))) {
      return;
    }
    const [ids, known] = await Promise.all([this.#schedules.ids(), this.#ticks.known()]);
    for (const id of ids) {
      await this.#passOver(this.#checkOne(id));
    }
    for (const id of known) {
      await this.#passOver(this.#forgetIfRemoved(id, ids));
    }
  }

  /**
   * A schedule that is not valid in Redis, or whose run a full Redis does not take, must not keep
   * the others from being checked.
   */
  async #passOver(check: Promise<void> | undefined): Promise<void> {
    try {
      await check;
    } catch (thrown) {
      const error = toError(thrown);
      if (!(error instanceof StoredStateError) && refusalCodeOf(error.message) !== 'OOM') {
        throw error;
      }
      this.#options.onError(error);
    }
  }

  /** A command was killed between removing the schedule and removing its ticks from BullMQ. */
  async #forgetIfRemoved(id: string, ids: readonly string[]): Promise<void> {
    if (!ids.includes(id) && (await this.#schedules.get(id)) === undefined) {
      await this.#ticks.forget(id);
    }
  }

  async #checkOne(id: string): Promise<void> {
    const schedule = await this.#schedules.get(id);
    if (schedule === undefined) {
      return;
    }
    // First: it makes room in a full Redis, which refuses runs.
    await this.#passOver(this.#options.retention?.check(schedule));
    await this.#decide(id);
    const advanced = await this.#schedules.advance(id);
    if (advanced !== undefined) {
      await this.#offer(id, advanced);
    }
    // The worker that decided a tick may have died before it offered the run.
    for (const run of schedule.runs) {
      if (run.state !== 'starting') {
        continue;
      }
      await this.#offer(id, run);
      await this.#renewIfStuck(id, run);
    }
    if (await this.#ticks.repair(schedule, Date.now())) {
      this.#log.info({ schedule: id }, 'schedule set up again');
    }
  }

  /**
   * If a run is not taken although this worker is idle, the connection that waits for runs is dead:
   * replaces it.
   */
  async #renewIfStuck(schedule: string, { key, decidedAt }: ScheduleRun): Promise<void> {
    const now = Date.now();
    const isOld = now - Math.max(decidedAt, this.#renewedAt) > STUCK_MS;
    if (!isOld || !this.#consumer.isIdle || !(await this.#ticks.isWaiting(schedule, key))) {
      return;
    }
    this.#renewedAt = now;
    this.#log.warn({ schedule }, 'no run was taken for 30 s; new connection for schedules');
    this.#consumer.renew();
  }

  async #decide(id: string): Promise<void> {
    const decision = await this.#schedules.decideTick(id);
    if (decision === undefined) {
      return;
    }
    this.#logDecision(id, decision);
    if (decision.state === 'starting') {
      await this.#offer(id, decision);
    }
  }

  async #offer(id: string, { key }: ScheduleRun): Promise<void> {
    await this.#ticks.offer(id, key);
  }

  #logDecision(schedule: string, decision: Decision): void {
    const { batch, reason, state, isCaughtUp, older } = decision;
    const tick = new Date(decision.at).toISOString();
    if (older > 0 || state === 'missed') {
      const count = state === 'missed' ? (decision.count ?? 1) : older;
      this.#log.warn({ schedule, tick, count }, 'ticks missed');
    }
    if (state === 'skipped') {
      this.#log.warn({ schedule, tick, reason }, 'tick skipped');
    } else if (state === 'queued') {
      this.#log.info({ schedule, tick, batch, reason }, 'tick queued');
    } else if (state === 'starting') {
      const message = isCaughtUp === true ? 'missed tick caught up' : 'tick taken';
      this.#log.info({ schedule, tick, batch }, message);
    }
  }
}
