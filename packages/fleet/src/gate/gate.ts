import type { Politeness } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { EXCHANGE } from './exchange.lua.ts';
import { DEFER } from './defer.lua.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { Script } from '../redis/script.ts';

const integer = z.number().int();
const scripts = {
  exchange: new Script(
    EXCHANGE,
    z.tuple([
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      integer,
      z.array(z.string()),
    ]),
  ),
  defer: new Script(DEFER, z.tuple([integer, integer])),
};

/** A dead worker's permits are free again after this long. */
const LEASE_US = 12_000_000;
/** An origin that nobody asks about is forgotten. */
const FORGET_MS = 30 * 60_000;
/** What an origin may be asked to bear for one batch. */
export interface BatchLimits {
  readonly batch: string;
  readonly politeness: Politeness;
}

/** What came back from an origin since the last exchange. */
export interface OriginReport {
  readonly ended: number;
  /** Of all of them together. */
  readonly durationMs: number;
  /** The median: a few that hang do not tell that the origin has become slower. */
  readonly typicalMs: number;
  readonly ok: number;
  /** 429, or 503 with Retry-After. */
  readonly refused: number;
  /** How long the origin wants to be left alone; 0 if it did not say. */
  readonly blockMs: number;
  readonly blockReason: string;
  /** Connection errors, timeouts and 5xx since the last success. */
  readonly failures: number;
  readonly timeouts: number;
}

/** Nothing has ended. */
export const EMPTY_REPORT: OriginReport = {
  ended: 0,
  durationMs: 0,
  typicalMs: 0,
  ok: 0,
  refused: 0,
  blockMs: 0,
  blockReason: '',
  failures: 0,
  timeouts: 0,
};

/** Why no more may start. `open`: nothing is in the way. */
const GATE_STATES = ['open', 'rate', 'concurrency', 'blocked', 'breaker', 'probing'] as const;
export type GateState = (typeof GATE_STATES)[number];

export interface GateAnswer {
  readonly granted: number;
  /** From now to the first granted start; what is before the lead may start at once. */
  readonly firstInMs: number;
  /** Between granted starts. 0: all may start when the first may. */
  readonly spacingMs: number;
  /** When asking again makes sense, for those that were not granted. */
  readonly againInMs: number;
  readonly state: GateState;
  /** Workers with fetches waiting for this origin, the asker included. */
  readonly waiters: number;
  /** Per fetch at the present limits; 0 where there are none. */
  readonly paceMs: number;
  /** A block or the breaker began or ended with this exchange. */
  readonly hasChanged: boolean;
  /** Slices that were sent away and are wanted now. */
  readonly wakeSlices: readonly string[];
  /** What time it was for Redis. */
  readonly nowMs: number;
  /** Fetches of this origin that the asker may have in flight; Infinity where that is not limited. */
  readonly allowedInFlight: number;
  /** Fetches that the fleet may have in flight besides; Infinity where that is not limited. */
  readonly spare: number;
  /** Slices that were sent away and have not come back. */
  readonly deferred: number;
  /** For how long the origin has refused or failed, and accepted nothing. */
  readonly deniedForMs: number;
}

/** A slice that was sent away and has come to a worker again. */
export interface Arrival {
  readonly slice: string;
  readonly fetches: number;
}

/** A place in the waitlist. */
export interface Deferred {
  readonly ticket: number;
  readonly dueInMs: number;
}

/**
 * What an origin may be asked to bear, decided in Redis for the whole fleet: rate (GCRA), fetches in flight (leases that expire with their
 * worker), blocks (Retry-After), limits that are learned, and a circuit breaker. Admission is decided when a fetch is about to
 * start, never earlier.
 */
export class Gate {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #worker: string;

  constructor(options: {
    readonly redis: Redis;
    readonly keys?: FleetKeys;
    /** Unique in the fleet: leases carry it. */
    readonly worker: string;
  }) {
    this.#redis = options.redis;
    this.#keys = options.keys ?? fleetKeys();
    this.#worker = options.worker;
  }

  /** One round trip: reports what ended and asks what may start. It also renews the lease of what is in flight. */
  async exchange(
    origin: string,
    call: {
      readonly inFlight: number;
      readonly want: number;
      /** Of the first of the wanted among the deferred; 0 if it was not deferred. */
      readonly ticket: number;
      readonly report: OriginReport;
      readonly batches: readonly BatchLimits[];
      /** Fetches that wait at this worker, the wanted included. */
      readonly waiting: number;
      /** Since the last exchange. */
      readonly arrivals: readonly Arrival[];
      /** How far ahead starts may be promised. */
      readonly horizonMs: number;
      /** How long the answer will take: no start is promised before that. */
      readonly leadMs: number;
      /** What robots.txt asks for; undefined leaves what is known. */
      readonly crawlDelayMs?: number;
    },
  ): Promise<GateAnswer> {
    const { report } = call;
    const crawlDelayUs = call.crawlDelayMs === undefined ? -1 : call.crawlDelayMs * 1000;
    const reply = await scripts.exchange.run(this.#redis, this.#keysOf(origin), [
      this.#worker,
      call.inFlight,
      call.want,
      call.ticket,
      call.horizonMs * 1000,
      LEASE_US,
      FORGET_MS,
      report.ended,
      report.durationMs,
      report.ok,
      report.refused,
      Math.ceil(report.blockMs),
      report.blockReason,
      report.failures,
      report.timeouts,
      crawlDelayUs,
      Math.ceil(call.leadMs * 1000),
      call.waiting,
      report.typicalMs,
      call.arrivals.length,
      ...call.arrivals.flatMap(({ slice, fetches }) => [slice, fetches]),
      ...call.batches.flatMap(limitArguments),
    ]);
    const [granted, first, spacing, again, state, waiters, pace, changed, allowed, now, ...rest] =
      reply;
    const [spare, deferred, deniedFor, wakeSlices] = rest;
    return {
      granted,
      firstInMs: first / 1000,
      spacingMs: spacing / 1000,
      againInMs: again / 1000,
      state: GATE_STATES[state] ?? 'open',
      waiters,
      paceMs: pace / 1000,
      hasChanged: changed === 1,
      nowMs: now / 1000,
      wakeSlices,
      allowedInFlight: allowed === -1 ? Infinity : allowed,
      spare: spare === -1 ? Infinity : spare,
      deferred,
      deniedForMs: Math.ceil(deniedFor / 1000),
    };
  }

  /**
   * Fetches of a slice leave without having started.
   *
   * @param leaving.ticket what they were given when they left the last time, or 0
   * @param leaving.hasJustCome it was in the line before, and no exchange has told that it has come. @default false
   */
  async defer(
    origin: string,
    leaving: {
      readonly slice: string;
      readonly count: number;
      readonly ticket: number;
      readonly hasJustCome?: boolean;
    },
  ): Promise<Deferred> {
    const { slice, count, ticket, hasJustCome = false } = leaving;
    const [given, dueInMs] = await scripts.defer.run(this.#redis, this.#keysOf(origin), [
      count,
      ticket,
      FORGET_MS,
      slice,
      hasJustCome ? 1 : 0,
    ]);
    return { ticket: given, dueInMs };
  }

  /** Whether a slice that was sent away has not been called back yet. */
  async isDeferred(origin: string, slice: string): Promise<boolean> {
    return (await this.#redis.zscore(this.#keys.waitlist(origin), slice)) !== null;
  }

  #keysOf(origin: string): readonly string[] {
    const keys = this.#keys;
    return [keys.gate(origin), keys.gateSettings(origin), keys.waitlist(origin)];
  }
}

function limitArguments({ batch, politeness }: BatchLimits): (string | number)[] {
  const { rate, burst, concurrency } = politeness;
  const interval = rate === 'unlimited' ? 0 : (rate.perMs * 1000) / rate.count;
  return [batch, interval, burst, concurrency === 'unlimited' ? 0 : concurrency];
}
