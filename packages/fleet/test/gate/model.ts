import type { Arrival } from '../../src/index.ts';

/** Fetches in flight of a dead worker count until its lease has expired. */
export const LEASE_US = 12_000_000;
/** How far beyond the lead starts are promised. */
export const HORIZON_US = 50_000;
/** How far ahead of now starts are ever promised: the longest lead and horizon. */
const MAX_AHEAD_US = 1_500_000;
/** Factor by which starts are spaced wider than the limit asks for. */
const SLOWER = 1.02;

/** Instants and intervals are microseconds; 0 is "unlimited". */
export interface ModelLimits {
  readonly interval: number;
  readonly burst: number;
  readonly concurrency: number;
}

/** The part of an exchange that is modelled. */
export interface ModelCall {
  readonly worker: string;
  readonly held: number;
  readonly want: number;
  readonly lead: number;
  /** Fetches that wait at the worker. @default want */
  readonly waiting?: number;
  /** Starts to reserve beside the wanted ones. @default 0 */
  readonly ahead?: number;
  readonly arrivals?: readonly Arrival[];
  readonly batches: readonly (ModelLimits & { readonly batch: string })[];
}

/** What the gate has learned by then: not modelled, but bounded by properties of its own. */
export interface Circumstances {
  readonly learned: number;
  readonly window: number;
  readonly crawlDelay: number;
  readonly isClosed: boolean;
  readonly isHalfOpen: boolean;
  /** Fetches that may probe it together. */
  readonly probes: number;
  /** A probe is under way. */
  readonly isProbed: boolean;
}

export interface Expected {
  readonly granted: number;
  readonly tat: number;
  /** Of the granted starts, µs from now, as the scripts round them. */
  readonly instants: readonly number[];
  readonly limits: ModelLimits;
  readonly inFlight: number;
}

/** Limits, leases and slots in time of one origin, as the gate is meant to keep them. */
export class GateModel {
  readonly #batches = new Map<string, ModelLimits & { readonly expiry: number }>();
  readonly #leases = new Map<string, { readonly count: number; readonly expiry: number }>();
  settings: Partial<ModelLimits> = {};
  #tat = 0;
  #spacing = 0;

  exchange(call: ModelCall, now: number, around: Circumstances): Expected {
    this.#expire(now);
    for (const { batch, ...limits } of call.batches) {
      const expiry = now + 60_000_000 + 2 * limits.interval;
      this.#batches.set(batch, { ...limits, expiry });
    }
    const limits = this.#limits(around);
    const others = this.#inFlight(call.worker);
    const free = Math.max(0, (limits.concurrency || Infinity) - others - call.held);
    const allowed = around.isHalfOpen ? Math.min(free, around.isProbed ? 0 : around.probes) : free;
    const wanted = around.isClosed ? 0 : Math.min(call.want, allowed);
    const slots = wanted > 0 && limits.interval > 0 ? this.#slots(call, now, limits) : undefined;
    const granted = Math.min(wanted, slots?.free ?? wanted);
    if (slots !== undefined) {
      this.#tat = slots.tat + granted * slots.spacing;
    }
    const count = call.held + granted;
    this.#leases.delete(call.worker);
    if (count > 0) {
      this.#leases.set(call.worker, { count, expiry: now + LEASE_US });
    }
    const instants = Array.from({ length: granted }, (_, i) =>
      Math.max(call.lead, slots === undefined ? 0 : slots.first + i * slots.spacing),
    );
    return { granted, tat: this.#tat, instants, limits, inFlight: others + count };
  }

  /**
   * What has expired is gone, also if the clock is set back then. Other things expire no later than
   * if they began now.
   */
  #expire(now: number): void {
    for (const [batch, limits] of this.#batches) {
      if (limits.expiry > now) {
        const expiry = Math.min(limits.expiry, now + 60_000_000 + 2 * limits.interval);
        this.#batches.set(batch, { ...limits, expiry });
      } else {
        this.#batches.delete(batch);
      }
    }
    for (const [worker, { count, expiry }] of this.#leases) {
      if (expiry > now) {
        this.#leases.set(worker, { count, expiry: Math.min(expiry, now + LEASE_US) });
      } else {
        this.#leases.delete(worker);
      }
    }
  }

  #slots({ lead }: ModelCall, now: number, { interval, burst }: ModelLimits) {
    const spacing = interval * SLOWER;
    const tolerance = (burst - 1) * spacing;
    const isFaster = this.#spacing > spacing && this.#tat > now;
    const owed = isFaster ? now + ((this.#tat - now) * spacing) / this.#spacing : this.#tat;
    const latest = now + MAX_AHEAD_US + burst * spacing;
    const tat = Math.min(Math.max(owed, now + lead), latest);
    this.#spacing = Number(spacing.toFixed(3)); // as it is stored
    const free = Math.floor((now + lead + HORIZON_US + tolerance - tat) / spacing) + 1;
    return { tat, spacing, first: tat - tolerance - now, free: Math.max(0, free) };
  }

  /** The strictest limits of all batches, or those that were set; the origin only lowers them. */
  #limits({ learned, window, crawlDelay }: Circumstances): ModelLimits {
    const set = { ...this.#asked(), ...this.settings };
    const origin = Math.max(crawlDelay, learned > 0 ? 1e6 / learned : 0);
    const breadth = Math.min(
      set.concurrency || Infinity,
      window > 0 ? Math.floor(window) : Infinity,
    );
    return {
      interval: Math.max(set.interval, origin),
      burst: origin > set.interval ? 1 : set.burst,
      concurrency: breadth === Infinity ? 0 : breadth,
    };
  }

  #asked(): ModelLimits {
    const batches = [...this.#batches.values()];
    const rated = batches.filter(({ interval }) => interval > 0);
    const bounded = batches.filter(({ concurrency }) => concurrency > 0);
    const breadth = Math.min(...bounded.map(({ concurrency }) => concurrency));
    return {
      interval: Math.max(0, ...rated.map(({ interval }) => interval)),
      burst: rated.length === 0 ? 1 : Math.min(...rated.map(({ burst }) => burst)),
      concurrency: breadth === Infinity ? 0 : breadth,
    };
  }

  #inFlight(except: string): number {
    const leases = [...this.#leases].filter(([worker]) => worker !== except);
    return leases.reduce((sum, [, { count }]) => sum + count, 0);
  }
}

/** The largest number of instants in any window of `widthUs`. */
export function busiest(instants: readonly number[], widthUs: number): number {
  const sorted = instants.toSorted((a, b) => a - b);
  let most = 0;
  let from = 0;
  for (const [at, instant] of sorted.entries()) {
    while ((sorted[from] ?? instant) <= instant - widthUs) {
      from += 1;
    }
    most = Math.max(most, at - from + 1);
  }
  return most;
}
