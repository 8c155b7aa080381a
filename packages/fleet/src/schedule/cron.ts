import { toError } from '@fetchfleet/crawl';
import { CronExpressionParser } from 'cron-parser';
import { Zone } from './zone.ts';

/** A pattern and its time zone. */
export interface CronTime {
  readonly cron: string;
  readonly tz: string;
}

/** Ticks are counted one by one up to this number. Beyond it, only the latest tick matters. */
const MAX_COUNTED = 1_000;
const HOURS = 24;
const SPANS_MS = [60_000, 3_600_000, 86_400_000, 31 * 86_400_000] as const;

const ALLOWED =
  'allowed: five fields (minute hour day month weekday), six with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly';
const ALIAS = /^@(?:hourly|daily|weekly|monthly|yearly)$/;

/** Why a text is not a cron pattern with a future tick; undefined if it is one. */
export function problemOfCron(cron: string): string | undefined {
  const shown = JSON.stringify(cron.slice(0, 80));
  const fields = cron.trim().split(/\s+/);
  const isShaped = fields.length === 5 || fields.length === 6 || ALIAS.test(cron);
  // cron-parser replaces H by a random value, which differs between processes.
  if (!isShaped || fields.some((field) => /\bH\b/.test(field))) {
    return `${shown} is no cron pattern; ${ALLOWED}`;
  }
  try {
    CronExpressionParser.parse(cron, { tz: 'UTC' }).next();
    return undefined;
  } catch (error) {
    const reason = toError(error).message;
    return /day of month|loop limit/i.test(reason)
      ? `${shown} never comes: no month it names has that day`
      : `${shown} is no cron pattern (${reason}); ${ALLOWED}`;
  }
}

/** Why a text is not a time zone; undefined if it is one. */
export function problemOfTimeZone(tz: string): string | undefined {
  if (/^[A-Za-z]/.test(tz)) {
    try {
      Intl.DateTimeFormat('en', { timeZone: tz });
      return undefined;
    } catch {
      // The message below says what is allowed.
    }
  }
  return `${JSON.stringify(tz.slice(0, 80))} is no time zone; allowed: IANA names such as UTC, Europe/Oslo or America/New_York`;
}

/**
 * The first tick after a moment, in epoch milliseconds; undefined if there is none. BullMQ takes it
 * from here.
 *
 * When clocks go forward, a skipped time of day runs later by as much as is skipped, once. When
 * they go back, a time of day that occurs twice runs the first time; patterns that repeat every
 * hour or more often go on in real time.
 */
export function nextTick(time: CronTime, afterMs: number): number | undefined {
  return ticksAfter(time, afterMs).next().value;
}

/** Lets BullMQ take the next tick from {@link nextTick}. */
export const REPEAT = {
  repeatStrategy: (
    afterMs: number,
    { pattern = '', tz = 'UTC' }: { readonly pattern?: string; readonly tz?: string },
  ) => nextTick({ cron: pattern, tz }, afterMs),
};

/**
 * The latest tick after `afterMs` and up to `untilMs`, the tick before it, and how many there are
 * (at most 1,000). Walks forward only: backwards, the parser finds other ticks around a change of
 * clocks.
 */
export function latestTick(
  time: CronTime,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): LatestTick | undefined {
  const walked = walk(time, { afterMs, untilMs });
  const [at, before] = walked.last;
  if (at === undefined) {
    return undefined;
  }
  if (walked.isEnd) {
    return { at, before, count: walked.count };
  }
  for (const span of SPANS_MS) {
    const near = walk(time, { afterMs: Math.max(at, untilMs - span), untilMs });
    const [nearAt, nearBefore] = near.last;
    if (nearAt !== undefined && near.isEnd) {
      return { at: nearAt, before: nearBefore ?? at, count: MAX_COUNTED };
    }
  }
  return { at, before, count: walked.count };
}

interface LatestTick {
  readonly at: number;
  readonly before: number | undefined;
  readonly count: number;
}

function walk(
  time: CronTime,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): { readonly last: readonly number[]; readonly count: number; readonly isEnd: boolean } {
  let last: readonly number[] = [];
  let count = 0;
  for (const tick of ticksAfter(time, afterMs)) {
    if (tick > untilMs) {
      break;
    }
    if (count === MAX_COUNTED) {
      return { last, count, isEnd: false };
    }
    last = [tick, ...last.slice(0, 1)];
    count++;
  }
  return { last, count, isEnd: true };
}

/** All ticks after a moment, in their order. */
function* ticksAfter({ cron, tz }: CronTime, afterMs: number): Generator<number, undefined> {
  const ticks = CronExpressionParser.parse(cron, { tz, currentDate: new Date(afterMs) });
  if (ticks.fields.hour.values.length === HOURS) {
    yield* ticksOf(ticks);
    return;
  }
  // The parser loses times that clocks skip, unless they skip a whole hour within a day. So it only
  // computes what a clock would show that is never changed.
  const zone = new Zone(tz);
  const shown = CronExpressionParser.parse(cron, {
    tz: 'UTC',
    currentDate: new Date(zone.firstShownAfter(afterMs)),
  });
  /** Ticks of skipped times; times behind the gap may come before them. */
  let skipped: number[] = [];
  for (const shownMs of ticksOf(shown)) {
    const { at, isSkipped } = zone.instantOf(shownMs);
    if (at <= afterMs) {
      continue;
    }
    if (isSkipped) {
      skipped.push(at);
      continue;
    }
    yield* skipped.filter((tick) => tick < at);
    skipped = skipped.filter((tick) => tick > at);
    yield at;
  }
  yield* skipped;
}

function* ticksOf(
  ticks: ReturnType<typeof CronExpressionParser.parse>,
): Generator<number, undefined> {
  for (;;) {
    let tick: number;
    try {
      tick = ticks.next().getTime();
    } catch {
      // The pattern was valid when it was stored: its last tick has passed.
      return;
    }
    yield tick;
  }
}
