import { isBatchId } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { MAX_RATES } from '../gate/history.lua.ts';
import type { FleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { instantMs, type OnPassedOver, passOver } from '../redis/stored-state.ts';
import { DETAIL } from './detail.lua.ts';
import { ROBOTS_KEPT_MS, waitingRobots } from './robots-store.ts';

/** What can happen to an origin; the header of history.lua.ts explains each. */
const ORIGIN_EVENTS = [
  'blocked',
  'opened',
  'half-open',
  'closed',
  'slowed',
  'narrowed',
  'set',
  'unset',
  'forgotten',
  'tried',
] as const;

/** Something that has happened to an origin. Instants are epoch ms by the clock of Redis. */
export interface OriginEvent {
  readonly at: number;
  /** When it has happened again last; `at` where it has not. */
  readonly lastAt: number;
  readonly times: number;
  readonly event: (typeof ORIGIN_EVENTS)[number];
  /** End of a block, or when an open breaker lets a probe through. */
  readonly until?: number;
  /** The person who has done it. */
  readonly by?: string;
  readonly text: string;
}

/**
 * robots.txt as the fleet knows it.
 *
 * - `unknown`: no batch that obeys it has asked within a day
 * - `none`: the origin has none, so everything is allowed
 * - `unreachable`: it cannot be had, and the fetches of the origin wait for it
 */
export interface KnownRobots {
  readonly state: 'unknown' | 'rules' | 'none' | 'unreachable';
  /** When it was asked for last, epoch ms. */
  readonly readAt?: number;
  /** Least time between two fetches, if it asks for one. */
  readonly crawlDelayMs?: number;
  /** Why it cannot be had. */
  readonly reason?: string;
  /** How often it was asked for in vain. */
  readonly tries?: number;
  /** When it is asked for again, epoch ms. */
  readonly againAt?: number;
}

/** One learned rate for each minute of the last hour, the oldest first; null where none was. */
export interface LearnedRates {
  readonly everyMs: number;
  /** ISO 8601 */
  readonly endsAt: string;
  readonly values: readonly (number | null)[];
}

/** What there is to know of an origin beside its status. */
export interface OriginDetail {
  /** The newest first, at most 50. */
  readonly events: readonly OriginEvent[];
  /** Undefined where nothing was learned within an hour. */
  readonly learnedRates: LearnedRates | undefined;
  /** Those that have asked within a minute, or have slices in the waitlist: by name, at most 50. */
  readonly batches: readonly string[];
  readonly batchCount: number;
  readonly robots: KnownRobots;
}

/** What DETAIL returns. */
const detailReply = z.object({
  nowMs: instantMs,
  batches: z.array(z.string()).default([]),
  batchCount: z.number().int().nonnegative(),
  events: z.array(z.string()).default([]),
  rates: z.array(z.string()).default([]),
  crawlDelayUs: z.number().nonnegative(),
  robots: z.object({
    kind: z.enum(['rules', 'allow-all', 'wait']).optional().catch(undefined),
    ttlMs: z.number(),
    wait: waitingRobots.optional().catch(undefined),
  }),
});

type Reply = z.infer<typeof detailReply>;

const script = new DocumentScript<undefined, typeof detailReply>(DETAIL, detailReply);

const NOTHING: OriginDetail = {
  events: [],
  learnedRates: undefined,
  batches: [],
  batchCount: 0,
  robots: { state: 'unknown' },
};

const MINUTE_MS = 60_000;

/** What Redis holds in place of it is passed over. */
export async function readOriginDetail(
  { redis, keys }: { readonly redis: Redis; readonly keys: FleetKeys },
  origin: string,
  onPassedOver: OnPassedOver,
): Promise<OriginDetail> {
  const read = script.run(redis, [keys.gate(origin), keys.robots(origin)], undefined);
  const reply = await passOver(`origin ${origin}`, read, onPassedOver);
  return reply === undefined
    ? NOTHING
    : {
        events: reply.events.map(parseEvent).filter((event) => event !== undefined),
        learnedRates: learnedRatesOf(reply),
        batches: reply.batches.filter(isBatchId),
        batchCount: reply.batchCount,
        robots: knownRobots(reply),
      };
}

/** An entry as history.lua.ts writes it; undefined if it is none. */
export function parseEvent(entry: string): OriginEvent | undefined {
  const found = /^(\d+) (\d+) (\d+) (\d+) (\S+) (\S+) (.*)$/su.exec(entry);
  const [, at, last, times, until, name, by = '-', text = ''] = found ?? [];
  const event = ORIGIN_EVENTS.find((one) => one === name);
  const instants = z.array(instantMs).safeParse([at, last, until].map(Number));
  const [atMs = 0, lastAt = 0, untilMs = 0] = instants.data ?? [];
  return event === undefined || !instants.success
    ? undefined
    : {
        at: atMs,
        lastAt,
        times: Number(times),
        event,
        ...(untilMs > 0 && { until: untilMs }),
        ...(by !== '-' && { by }),
        text,
      };
}

/** A minute without a sample has that of the minute before: samples are a little farther apart. */
function learnedRatesOf({ rates, nowMs }: Reply): LearnedRates | undefined {
  const end = Math.floor(nowMs / MINUTE_MS);
  const values = Array.from({ length: MAX_RATES }, (): number | null => null);
  for (const entry of rates) {
    const [, at, rate] = /^(\d+) (\d+(?:\.\d+)?)$/u.exec(entry) ?? [];
    const place = MAX_RATES - 1 - (end - Math.floor(Number(at) / MINUTE_MS));
    if (place >= 0 && place < MAX_RATES) {
      values[place] = Number(rate);
    }
  }
  for (const [place, value] of values.entries()) {
    const isGap = value === null && (values[place + 1] ?? null) !== null;
    values[place] = isGap ? (values[place - 1] ?? null) : value;
  }
  return values.every((value) => value === null)
    ? undefined
    : { everyMs: MINUTE_MS, endsAt: new Date((end + 1) * MINUTE_MS).toISOString(), values };
}

const STATES = { rules: 'rules', 'allow-all': 'none', wait: 'unreachable' } as const;

function knownRobots({ robots: { kind, ttlMs, wait }, crawlDelayUs, nowMs }: Reply): KnownRobots {
  const delay = crawlDelayUs > 0 && { crawlDelayMs: crawlDelayUs / 1_000 };
  if (kind === undefined || (kind === 'wait' && wait === undefined)) {
    return { state: 'unknown', ...delay };
  }
  const isKept = ttlMs > 0 && ttlMs <= ROBOTS_KEPT_MS;
  return {
    state: STATES[kind],
    // It is kept for a fixed time. In whole seconds, so that it is the same each time.
    ...(isKept && { readAt: Math.round((nowMs - ROBOTS_KEPT_MS + ttlMs) / 1_000) * 1_000 }),
    ...delay,
    ...(wait !== undefined && { reason: wait.reason, tries: wait.tries }),
    ...(wait !== undefined && wait.againAt > nowMs && { againAt: wait.againAt }),
  };
}
