import type { Redis } from 'ioredis';
import type { FleetKeys } from '../redis/keys.ts';
import type { OnPassedOver } from '../redis/stored-state.ts';
import { nextTick } from '../schedule/cron.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { ScheduleStore } from '../schedule/schedule-store.ts';

/** Schedules that metrics name. */
const MAX_SCHEDULES = 100;

export interface ScheduleFigures extends Pick<Schedule, 'counts' | 'lastFinish' | 'lastSuccess'> {
  readonly schedule: string;
  /** Between its next two runs; absent while it is paused. */
  readonly intervalMs?: number;
}

/** What metrics say of schedules. */
export class ScheduleLook {
  readonly #store: ScheduleStore;
  #ticks: ReadonlyMap<string, KnownTicks> = new Map();

  constructor(redis: Redis, keys: FleetKeys, onPassedOver: OnPassedOver) {
    this.#store = new ScheduleStore(redis, keys, { onPassedOver });
  }

  /**
   * @returns figures of the first 100 schedules, in alphabetical order; and when one of all
   *   schedules next needs a worker, in epoch milliseconds: in the past if it needs one already
   */
  async read(): Promise<{ readonly schedules: ScheduleFigures[]; readonly nextRunMs?: number }> {
    const schedules = await this.#store.allWithWaitingRun();
    const ticks = new Map<string, KnownTicks>();
    let nextRunMs = Infinity;
    for (const schedule of schedules) {
      if (!schedule.isPaused) {
        const known = ticksOf(schedule, this.#ticks.get(schedule.id));
        ticks.set(schedule.id, known);
        nextRunMs = Math.min(nextRunMs, known.next ?? Infinity);
      }
      // A run by hand, too, whose schedule is paused.
      nextRunMs = Math.min(nextRunMs, ...schedule.runs.map(({ at }) => at));
    }
    this.#ticks = ticks;
    return {
      schedules: schedules
        .slice(0, MAX_SCHEDULES)
        .map((schedule) => figuresOf(schedule, ticks.get(schedule.id)?.intervalMs)),
      ...(nextRunMs < Infinity && { nextRunMs }),
    };
  }
}

function figuresOf(
  { id, counts, lastFinish, lastSuccess }: Schedule,
  intervalMs: number | undefined,
): ScheduleFigures {
  return {
    schedule: id,
    counts,
    ...(lastFinish !== undefined && { lastFinish }),
    ...(lastSuccess !== undefined && { lastSuccess }),
    ...(intervalMs !== undefined && { intervalMs }),
  };
}

/** The first tick that nobody has decided about, as it was found. */
interface KnownTicks extends Pick<Schedule['terms'], 'cron' | 'tz'>, Pick<Schedule, 'lastTick'> {
  /** Epoch milliseconds; in the past where no worker was there. */
  readonly next: number | undefined;
  /** Until the one after it. */
  readonly intervalMs: number | undefined;
}

/** Ticks take a while to find: what is known holds until a worker has decided about the next. */
function ticksOf(
  { terms: { cron, tz }, lastTick }: Pick<Schedule, 'terms' | 'lastTick'>,
  known: KnownTicks | undefined,
): KnownTicks {
  if (known?.cron === cron && known.tz === tz && known.lastTick === lastTick) {
    return known;
  }
  const next = nextTick({ cron, tz }, lastTick);
  const later = next === undefined ? undefined : nextTick({ cron, tz }, next);
  const intervalMs = next === undefined || later === undefined ? undefined : later - next;
  return { cron, tz, lastTick, next, intervalMs };
}
