import type { Politeness } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ADMIT, PARK } from './gate.lua.ts';
import { type FleetKeys, fleetKeys } from './keys.ts';
import { Script } from './script.ts';

const integer = z.number().int();
const scripts = { admit: new Script(ADMIT, integer), park: new Script(PARK, integer) };

/** A dead worker's permits are free again after this long. */
const LEASE_MS = 15_000;
/** Leases are renewed three times within their life. */
const RENEW_MS = 5_000;
/** An origin that nobody asks about is forgotten. */
const FORGET_MS = 10 * 60_000;
/** How long permits that nobody waits for in this process may be kept before they are given back. */
const LINGER_MS = 5;
/** Before a call that failed is repeated. */
const AFTER_ERROR_MS = 1_000;
/** Nobody stays parked longer than this without asking again: limits may have changed. */
const MAX_PARK_MS = 30_000;
const MIN_PARK_MS = 20;

interface Waiting {
  readonly want: number;
  readonly resolve: (granted: number) => void;
  readonly reject: (error: unknown) => void;
}

/** What this process holds of one origin. At most one call about it is under way: what comes meanwhile shares the next. */
interface Lane {
  limit: number;
  /** Permits held; those in `ended` included until Redis knows. */
  held: number;
  ended: number;
  endedMs: number;
  isAsking: boolean;
  readonly waiting: Waiting[];
  linger: NodeJS.Timeout | undefined;
}

/**
 * How many fetches of an origin may be in flight, for the whole fleet. Permits are leases that expire with
 * their worker. Admission is decided when a fetch is about to start, never earlier; whoever is refused and
 * has nothing in flight there leaves, and is told when to come back.
 */
export class Gate {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #worker: string;
  readonly #onError: (error: unknown) => void;
  readonly #lanes = new Map<string, Lane>();
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly redis: Redis;
    readonly keys?: FleetKeys;
    /** Unique in the fleet: leases carry it. */
    readonly worker: string;
    /** Told when giving permits back fails; they expire then. */
    readonly onError: (error: unknown) => void;
  }) {
    this.#redis = options.redis;
    this.#keys = options.keys ?? fleetKeys();
    this.#worker = options.worker;
    this.#onError = options.onError;
  }

  start(): void {
    this.#renewal ??= setInterval(() => this.#renew(), RENEW_MS);
  }

  /** Gives back what is still held. */
  async stop(): Promise<void> {
    clearInterval(this.#renewal);
    this.#renewal = undefined;
    const lanes = [...this.#lanes];
    this.#lanes.clear();
    for (const [, lane] of lanes) clearTimeout(lane.linger);
    await Promise.all(
      lanes
        .filter(([, lane]) => lane.held > 0)
        .map(async ([origin, lane]) => this.#ask(origin, { ...lane, want: 0, ended: lane.held })),
    );
  }

  /**
   * Asks to start up to `want` fetches of the origin now.
   *
   * @returns how many may start; each must be given back by {@link release}
   */
  async admit(origin: string, want: number, politeness: Politeness): Promise<number> {
    const limit = politeness.concurrency;
    if (limit === 'unlimited') return want;
    const lane = this.#lane(origin);
    lane.limit = limit;
    return new Promise<number>((resolve, reject) => {
      lane.waiting.push({ want, resolve, reject });
      this.#turn(origin, lane);
    });
  }

  /** One admitted fetch of the origin has ended. */
  release(origin: string, durationMs: number, politeness: Politeness): void {
    const lane = this.#lanes.get(origin);
    if (politeness.concurrency === 'unlimited' || lane === undefined) return;
    lane.ended += 1;
    lane.endedMs += durationMs;
    // Usually a slice asks for its next fetches at once, and this rides along.
    this.#linger(origin, lane, LINGER_MS);
  }

  /**
   * `count` fetches leave without having started.
   *
   * @returns in how many milliseconds to ask again
   */
  async park(origin: string, count: number, politeness: Politeness): Promise<number> {
    const limit = politeness.concurrency === 'unlimited' ? count : politeness.concurrency;
    const dueInMs = await scripts.park.run(
      this.#redis,
      [this.#keys.gate(origin)],
      [count, limit, FORGET_MS],
    );
    return Math.min(Math.max(dueInMs, MIN_PARK_MS), MAX_PARK_MS);
  }

  #lane(origin: string): Lane {
    const known = this.#lanes.get(origin);
    if (known !== undefined) return known;
    const lane: Lane = {
      limit: 0,
      held: 0,
      ended: 0,
      endedMs: 0,
      isAsking: false,
      waiting: [],
      linger: undefined,
    };
    this.#lanes.set(origin, lane);
    return lane;
  }

  /** Sends what has gathered, unless a call is under way: its end takes the next turn. */
  #turn(origin: string, lane: Lane): void {
    if (lane.isAsking || (lane.waiting.length === 0 && lane.ended === 0)) return;
    clearTimeout(lane.linger);
    lane.linger = undefined;
    lane.isAsking = true;
    void this.#exchange(origin, lane).then((succeeded) => {
      lane.isAsking = false;
      if (!succeeded) return this.#linger(origin, lane, AFTER_ERROR_MS);
      const isIdle = lane.held === 0 && lane.waiting.length === 0 && lane.ended === 0;
      return isIdle ? this.#lanes.delete(origin) : this.#turn(origin, lane);
    });
  }

  #linger(origin: string, lane: Lane, ms: number): void {
    lane.linger ??= setTimeout(() => {
      lane.linger = undefined;
      this.#turn(origin, lane);
    }, ms);
  }

  async #exchange(origin: string, lane: Lane): Promise<boolean> {
    const askers = lane.waiting.splice(0);
    const want = askers.reduce((sum, asker) => sum + asker.want, 0);
    const { ended, endedMs, limit } = lane;
    lane.ended = 0;
    lane.endedMs = 0;
    try {
      const granted = await this.#ask(origin, { limit, want, ended, endedMs });
      lane.held += granted - ended;
      share(granted, askers);
      return true;
    } catch (error) {
      lane.ended += ended;
      lane.endedMs += endedMs;
      for (const asker of askers) asker.reject(error);
      this.#onError(error);
      return false;
    }
  }

  async #ask(
    origin: string,
    call: {
      readonly limit: number;
      readonly want: number;
      readonly ended: number;
      readonly endedMs: number;
    },
  ): Promise<number> {
    const averageMs = call.ended > 0 ? call.endedMs / call.ended : 0;
    return scripts.admit.run(
      this.#redis,
      [this.#keys.gate(origin)],
      [this.#worker, call.want, call.ended, averageMs, call.limit, LEASE_MS, FORGET_MS],
    );
  }

  /** Any call renews the lease, so asking for nothing does. */
  #renew(): void {
    for (const [origin, lane] of this.#lanes) {
      if (lane.held > 0 && !lane.isAsking) {
        this.#ask(origin, { limit: lane.limit, want: 0, ended: 0, endedMs: 0 }).catch(
          this.#onError,
        );
      }
    }
  }
}

/** Deals granted permits out in the order of asking. */
function share(granted: number, askers: readonly Waiting[]): void {
  let left = granted;
  for (const asker of askers) {
    const part = Math.min(left, asker.want);
    left -= part;
    asker.resolve(part);
  }
}
