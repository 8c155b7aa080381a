import type { Politeness } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { DocumentScript } from '../redis/script.ts';
import { DEFER } from './defer.lua.ts';
import { ExchangeCalls } from './exchange-calls.ts';
import { type DeferDocument, deferReply, type ReportDocument } from './protocol.ts';

const deferScript = new DocumentScript<DeferDocument, typeof deferReply>(DEFER, deferReply);

/** Limits that the crawl file of one batch sets for an origin. */
export interface BatchLimits {
  readonly batch: string;
  readonly politeness: Politeness;
}

/** Fetches of an origin that have ended since the last exchange. */
export interface OriginReport {
  readonly ended: number;
  /** Sum of their durations. */
  readonly durationMs: number;
  /** Median of their durations: a few fetches that hang do not make it longer. */
  readonly typicalMs: number;
  readonly ok: number;
  /** Answers 429, and 503 with Retry-After. */
  readonly refused: number;
  /** Longest Retry-After; 0 if there was none. */
  readonly blockMs: number;
  readonly blockReason: string;
  /** How often the origin was down since it last answered: see `originVerdictOf`. */
  readonly failures: number;
  /** Answers 5xx, and failures that waiting for the origin cannot mend. */
  readonly errors: number;
  /** Different URLs that were answered with 5xx since the last success. */
  readonly errorUrls: number;
  readonly timeouts: number;
  /** What the origin did wrong last, as `originErrorOf` says it; empty if nothing. */
  readonly lastError: string;
}

/** A report without an ended fetch. */
export const EMPTY_REPORT: OriginReport = {
  ended: 0,
  durationMs: 0,
  typicalMs: 0,
  ok: 0,
  refused: 0,
  blockMs: 0,
  blockReason: '',
  failures: 0,
  errors: 0,
  errorUrls: 0,
  timeouts: 0,
  lastError: '',
};

/** Why fewer were granted than wanted. `open`: nothing is limited, or all was granted. */
export type GateState = 'open' | 'rate' | 'concurrency' | 'blocked' | 'breaker' | 'probing';

export interface GateAnswer {
  readonly granted: number;
  /**
   * Slots behind those of the granted starts that are this worker's, for fetches that follow others
   * in flight. Only where the rate is not used up.
   */
  readonly reserved: number;
  /** From now to the first granted start; in the past where a part of a burst is left. */
  readonly firstInMs: number;
  /** Between granted starts. 0: all may start when the first may. */
  readonly spacingMs: number;
  /** When to ask again for what was not granted. */
  readonly againInMs: number;
  readonly state: GateState;
  /** Workers with fetches waiting for this origin, the asker included. */
  readonly waiters: number;
  /** Per fetch at the current limits; 0 where there are none. */
  readonly paceMs: number;
  /** A block or the breaker began or ended with this exchange. */
  readonly hasChanged: boolean;
  /** What closed the origin; only where it is shut and that has changed. */
  readonly lastError?: string;
  /** Deferred slices that may start now: wake them. */
  readonly wakeSlices: readonly string[];
  /** Slices that were to be woken and have not come for 2 s: wake them again. */
  readonly overdueSlices: readonly string[];
  /** Batches with limits here that have not asked for a second. Named once a second at most. */
  readonly silentBatches: readonly string[];
  /** Clock of Redis, epoch ms. */
  readonly nowMs: number;
  /** Fetches of this origin that the asker may have in flight; Infinity where unlimited. */
  readonly allowedInFlight: number;
  /** Fetches that the fleet may have in flight besides; Infinity where unlimited. */
  readonly spare: number;
  /** Slices in the waitlist, and those that were woken and have not come. */
  readonly deferred: number;
  /** Several batches have slices there, or one that has none at the asker. */
  readonly isShared: boolean;
  /**
   * Fetches wait, at no other worker, and no other batch has limits here. What limits them then
   * changes only with what they do, or with a notification.
   */
  readonly isAlone: boolean;
  /** Arrived slices that come after others there, where it is shared: defer them again. */
  readonly early: readonly string[];
  /** How long the origin has refused or failed without accepting anything. */
  readonly deniedForMs: number;
}

/** A deferred slice that has come to a worker. */
export interface Arrival {
  readonly slice: string;
  readonly fetches: number;
}

/** A place in the waitlist. */
export interface Deferred {
  readonly ticket: number;
  /** Forecast of its turn at the current limits. */
  readonly dueInMs: number;
}

/**
 * The limits of every origin, decided in Redis for the whole fleet: rate (GCRA), fetches in flight
 * (leases that expire with their worker), blocks (Retry-After), learned limits, and a circuit
 * breaker. A fetch asks just before it starts, never earlier.
 */
export class Gate {
  readonly #redis: Redis;
  readonly #exchanges: ExchangeCalls;
  readonly #keys: FleetKeys;
  readonly #worker: string;

  constructor(options: {
    readonly redis: Redis;
    readonly keys?: FleetKeys;
    /** Unique in the fleet: owner of the leases. */
    readonly worker: string;
  }) {
    this.#redis = options.redis;
    this.#exchanges = new ExchangeCalls(options.redis);
    this.#keys = options.keys ?? fleetKeys();
    this.#worker = options.worker;
  }

  /**
   * Reports ended fetches and asks which may start, in one round trip. It also renews the lease of
   * the fetches in flight, which expires after `LEASE_MS`.
   */
  async exchange(
    origin: string,
    call: {
      /** Fetches in flight at this worker, promised starts included. */
      readonly inFlight: number;
      readonly want: number;
      /** Whether nothing is granted unless nothing is limited or wrong there. @default false */
      readonly onlyIfFree?: boolean;
      readonly report: OriginReport;
      readonly batches: readonly BatchLimits[];
      /** Fetches that wait at this worker, the wanted ones included. */
      readonly waiting: number;
      /** Starts to reserve for fetches that will follow others. @default 0 */
      readonly ahead?: number;
      /** Since the last exchange. */
      readonly arrivals: readonly Arrival[];
      /** How far ahead starts may be promised. */
      readonly horizonMs: number;
      /** How long the answer will take: no start is promised before that. */
      readonly leadMs: number;
      /** Crawl-delay of robots.txt; undefined leaves the known one. */
      readonly crawlDelayMs?: number;
    },
  ): Promise<GateAnswer> {
    const { want, ahead = 0 } = call;
    const document = {
      worker: this.#worker,
      inFlight: unlessZero(call.inFlight),
      want: unlessZero(want),
      onlyIfFree: call.onlyIfFree === true || undefined,
      waiting: unlessZero(call.waiting),
      ahead: unlessZero(ahead),
      ...(want + ahead > 0 && {
        horizonUs: Math.floor(finite(call.horizonMs) * 1000),
        leadUs: unlessZero(Math.ceil(call.leadMs * 1000)),
      }),
      crawlDelayUs: call.crawlDelayMs === undefined ? undefined : finite(call.crawlDelayMs) * 1000,
      arrivals: call.arrivals.length === 0 ? undefined : call.arrivals,
      batches: call.batches.length === 0 ? undefined : call.batches.map(limitsDocument),
    };
    const report = reportDocument(call.report);
    const reply = await this.#exchanges.run(this.#keysOf(origin), document, report);
    return {
      granted: reply.granted ?? 0,
      reserved: reply.reserved ?? 0,
      firstInMs: (reply.firstUs ?? 0) / 1000,
      spacingMs: (reply.spacingUs ?? 0) / 1000,
      againInMs: (reply.againUs ?? 0) / 1000,
      state: reply.state ?? 'open',
      waiters: reply.waiters ?? 1,
      paceMs: (reply.paceUs ?? 0) / 1000,
      hasChanged: reply.hasChanged ?? false,
      ...(reply.lastError !== undefined && { lastError: reply.lastError }),
      wakeSlices: reply.wakeSlices ?? [],
      overdueSlices: reply.overdueSlices ?? [],
      silentBatches: reply.silentBatches ?? [],
      nowMs: Number(reply.nowMs),
      allowedInFlight: reply.allowedInFlight ?? Infinity,
      spare: reply.spare ?? Infinity,
      deferred: reply.deferred ?? 0,
      isShared: reply.isShared ?? false,
      isAlone: reply.isAlone ?? false,
      early: reply.early ?? [],
      deniedForMs: Math.ceil((reply.deniedForUs ?? 0) / 1000),
    };
  }

  /**
   * Puts a slice whose fetches have not started into the waitlist of the origin.
   *
   * @param leaving.count its fetches, below 64
   * @param leaving.ticket its ticket of the last time, which keeps its place; 0 if it has none
   */
  async defer(
    origin: string,
    leaving: {
      readonly slice: string;
      readonly count: number;
      readonly ticket: number;
    },
  ): Promise<Deferred> {
    const { slice, count, ticket } = leaving;
    return deferScript.run(this.#redis, this.#keysOf(origin), {
      slice,
      fetches: count,
      ticket: unlessZero(ticket),
    });
  }

  #keysOf(origin: string): readonly string[] {
    const keys = this.#keys;
    return [keys.gate(origin), keys.gateSettings(origin), keys.waitlist(origin)];
  }
}

/**
 * JSON has no other numbers: they would come to the scripts as null.
 *
 * @throws RangeError
 */
function finite(value: number): number {
  if (!Number.isFinite(value)) {
    throw new RangeError(`the gate takes finite numbers, not ${value}`);
  }
  return value;
}

function unlessZero(value: number): number | undefined {
  return value === 0 ? undefined : finite(value);
}

/** As much as the gate keeps of it: reading all digits takes Redis longer. */
function inMicros(ms: number): number {
  return Math.round(finite(ms) * 1000) / 1000;
}

function reportDocument(report: OriginReport): ReportDocument | undefined {
  if (report.ended === 0) {
    return undefined;
  }
  return {
    ended: report.ended,
    durationMs: inMicros(report.durationMs),
    typicalMs: inMicros(report.typicalMs),
    ok: unlessZero(report.ok),
    refused: unlessZero(report.refused),
    blockMs: unlessZero(Math.ceil(report.blockMs)),
    blockReason: report.blockReason === '' ? undefined : report.blockReason,
    failures: unlessZero(report.failures),
    errors: unlessZero(report.errors),
    errorUrls: unlessZero(report.errorUrls),
    timeouts: unlessZero(report.timeouts),
    lastError: report.lastError === '' ? undefined : report.lastError,
  };
}

function limitsDocument({ batch, politeness: { rate, burst, concurrency } }: BatchLimits) {
  return {
    batch,
    intervalUs: rate === 'unlimited' ? undefined : finite((rate.perMs * 1000) / rate.count),
    burst: finite(burst),
    concurrency: concurrency === 'unlimited' ? undefined : finite(concurrency),
  };
}
