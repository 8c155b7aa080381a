import type { Arrival } from '../../src/index.ts';

/** Fetches in flight of a dead worker count until its lease has expired. */
export const LEASE_US = 12_000_000;
/** How far beyond the lead starts are promised. */
export const HORIZON_US = 50_000;
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
    for (const { batch, ...limits } of call.batches) {
      const expiry = now + 60_000_000 + 2 * limits.interval;
      this.#batches.set(batch, { ...limits, expiry });
    }
    const limits = this.#limits(now, around);
    const others = this.#inFlight(now, call.worker);
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

  #slots({ lead }: ModelCall, now: number, { interval, burst }: ModelLimits) {
    const spacing = interval * SLOWER;
    const tolerance = (burst - 1) * spacing;
    const isFaster = this.#spacing > spacing && this.#tat > now;
    const owed = isFaster ? now + ((this.#tat - now) * spacing) / this.#spacing : this.#tat;
    const tat = Math.max(owed, now + lead);
    this.#spacing = Number(spacing.toFixed(3)); // as it is stored
    const free = Math.floor((now + lead + HORIZON_US + tolerance - tat) / spacing) + 1;
    return { tat, spacing, first: tat - tolerance - now, free: Math.max(0, free) };
  }

  /** The strictest limits of all batches, or those that were set; the origin only lowers them. */
  #limits(now: number, { learned, window, crawlDelay }: Circumstances): ModelLimits {
    const set = { ...this.#asked(now), ...this.settings };
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

  #asked(now: number): ModelLimits {
    const batches = [...this.#batches.values()].filter(({ expiry }) => expiry > now);
    const rated = batches.filter(({ interval }) => interval > 0);
    const bounded = batches.filter(({ concurrency }) => concurrency > 0);
    const breadth = Math.min(...bounded.map(({ concurrency }) => concurrency));
    return {
      interval: Math.max(0, ...rated.map(({ interval }) => interval)),
      burst: rated.length === 0 ? 1 : Math.min(...rated.map(({ burst }) => burst)),
      concurrency: breadth === Infinity ? 0 : breadth,
    };
  }

  #inFlight(now: number, except: string): number {
    const leases = [...this.#leases].filter(([worker]) => worker !== except);
    const valid = leases.filter(([, { expiry }]) => expiry > now);
    return valid.reduce((sum, [, { count }]) => sum + count, 0);
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
