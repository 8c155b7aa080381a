import { ActiveOrigins } from './active-origins.ts';
import { Arrivals } from './arrivals.ts';
import { Crew } from './crew.ts';
import { Demand } from './demand.ts';
import { OriginStates } from './origin-states.ts';
import { Random } from './random.ts';
import { costOf, MICROS, type Scenario } from './scenario.ts';

/** What one step did. */
export interface Step {
  /** In seconds. */
  readonly end: number;
  readonly started: number;
  /** Fetches that the limits of all origins allowed. */
  readonly allowed: number;
  /** Workers that were alive. */
  readonly alive: number;
  /** Mean fetches in flight, and cores that the workers used. */
  readonly inFlight: number;
  readonly workerCores: number;
  /** The busiest instance of Redis, and all together, in cores. */
  readonly busiestShard: number;
  readonly redisCores: number;
}

/** Called for every origin that starts fetches. Times in seconds. */
export type OnStarts = (origin: number, fetches: number, from: number, end: number) => void;

/**
 * The fleet in steps of a fixed length. In each step an origin may start what its limits allow; if
 * that is more than workers and Redis can do, they take turns of one slice, as in the queue.
 * Fetches are whole, so nothing is lost by rounding.
 *
 * ```
 * arrivals ─▶ pending of each origin ─▶ allowed by its limits ─▶ turns ─▶ started
 *                      ▲                                                    │
 *                      └──────── 10 s later: held by a worker that died ◀───┘
 * ```
 */
export class FleetModel {
  now = 0;
  /** Fetches that have come. */
  arrived = 0;
  /** Fetches that were started and not lost. */
  done = 0;
  /** Requests that were made again, because a worker died. */
  repeated = 0;
  /** The longest that an origin which might have started something got nothing, in seconds. */
  longestWait = 0;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #states: OriginStates;
  readonly #arrivals: Arrivals;
  readonly #crew: Crew;
  readonly #demand: Demand;
  readonly #active: ActiveOrigins;
  /** Fetches of dead workers until they run again, in the order of time. */
  readonly #lost: { readonly at: number; readonly origin: number; readonly fetches: number }[] = [];
  #nextFault = 0;
  /** Whose turn is next, and what is left of the budget of the last step, in slot seconds. */
  #turn = 0;
  #goesOn = 0;
  #rest = 0;
  #lastServed = 0;
  #inFlight = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#random = new Random(scenario.seed);
    this.#states = new OriginStates(scenario.origins);
    this.#arrivals = new Arrivals(scenario);
    this.#crew = new Crew(scenario);
    this.#demand = new Demand(scenario.shards);
    this.#active = new ActiveOrigins(scenario.origins.fetches.length);
  }

  get isFinished(): boolean {
    return this.#arrivals.isOver && this.#active.count === 0 && this.#lost.length === 0;
  }

  /** Mean seconds that a fetch of the origin takes that was served last. */
  get lastLatency(): number {
    return this.#states.latency(this.#lastServed, this.now);
  }

  /** Fetches of one origin that have come and are not started. */
  pending(origin: number): number {
    return this.#states.pending[origin] ?? 0;
  }

  /** Fetches that have come and wait, or are held by a dead worker. */
  get waiting(): number {
    const pending = this.#states.pending.reduce((sum, own) => sum + own, 0);
    return this.#lost.reduce((sum, { fetches }) => sum + fetches, pending);
  }

  /** Requests that failed or were refused while an origin was down or wanted a rest. */
  get wasted(): number {
    return this.#states.wasted;
  }

  step(onStarts: OnStarts = () => undefined): Step {
    const end = this.now + this.#scenario.stepSeconds;
    this.#arrivals.until(end, (origin, fetches) => {
      this.arrived += fetches;
      this.#enqueue(origin, fetches);
    });
    this.#strike(end);
    this.#recover();
    for (let deaths = this.#crew.advance(this.now); deaths > 0; deaths--) {
      this.#loseWorker();
    }
    this.#measureDemand(end);
    const done = this.#report(end, onStarts);
    this.#turn = this.#active.dropIdle(this.#states.pending, this.#turn);
    this.now = end;
    return done;
  }

  #report(end: number, onStarts: OnStarts): Step {
    const { stepSeconds, concurrency, shards, workerCost, redisCost } = this.#scenario;
    const { alive } = this.#crew;
    const ownWorkers = (alive * workerCost.workerSecond) / MICROS;
    const ownRedis = (alive * redisCost.workerSecond) / MICROS;
    const capacity = {
      slots: alive * concurrency,
      workerCores: alive - ownWorkers,
      redisCores: 1 - ownRedis / shards,
    };
    const overload = this.#demand.overload(capacity, stepSeconds);
    const started = this.#startFetches(end, Math.max(1, overload), onStarts);
    const perStep = 1 / Math.max(1, overload) / stepSeconds;
    const { fetches: allowed, slotSeconds, workerSeconds, busiest, redisSeconds } = this.#demand;
    this.#inFlight = slotSeconds * perStep;
    return {
      end,
      started,
      allowed,
      alive,
      inFlight: this.#inFlight,
      workerCores: workerSeconds * perStep + ownWorkers,
      busiestShard: busiest * perStep + ownRedis / shards,
      redisCores: redisSeconds * perStep + ownRedis,
    };
  }

  #enqueue(origin: number, fetches: number): void {
    this.#states.pending[origin] = this.pending(origin) + fetches;
    this.#active.add(origin, this.now);
  }

  #strike(end: number): void {
    for (;;) {
      const fault = this.#scenario.faults[this.#nextFault];
      if (fault === undefined || fault.at >= end) {
        return;
      }
      this.#nextFault += 1;
      this.#states.strike(fault);
    }
  }

  #recover(): void {
    while ((this.#lost[0]?.at ?? Infinity) <= this.now) {
      const { origin = 0, fetches = 0 } = this.#lost.shift() ?? {};
      this.#enqueue(origin, fetches);
    }
  }

  /** Slices that a dead worker held, of origins that are being fetched, are away for a while. */
  #loseWorker(): void {
    const { concurrency, sliceSize } = this.#scenario;
    const at = Crew.recoveredAt(this.now);
    // What was in flight has been requested, and is requested again.
    const share = Math.round(this.#inFlight / (this.#crew.alive + 1));
    const again = Math.min(share, concurrency, this.done);
    if (again > 0) {
      this.#lost.push({ at, origin: this.#lastServed, fetches: again });
      this.done -= again;
      this.repeated += again;
    }
    let left = Math.ceil(sliceSize / 2);
    for (let tries = 2 * left; left > 0 && tries > 0 && this.#active.count > 0; tries--) {
      const origin = this.#active.origins[this.#random.below(this.#active.count)] ?? 0;
      const fetches = Math.min(this.pending(origin), left);
      if (fetches > 0) {
        this.#states.pending[origin] = this.pending(origin) - fetches;
        this.#lost.push({ at, origin, fetches });
        left -= fetches;
      }
    }
  }

  #measureDemand(end: number): void {
    const { workerCost, redisCost, shards } = this.#scenario;
    const active = this.#active;
    this.#demand.clear();
    for (let at = 0; at < active.count; at++) {
      const origin = active.origins[at] ?? 0;
      const fetches = this.#states.allowed(origin, this.now, end);
      active.wants[at] = fetches;
      if (fetches > 0) {
        const kind = { isPaced: this.#states.isPaced(origin), isVisit: active.isNew(origin) };
        this.#demand.add(fetches, this.#states.latency(origin, this.now), origin % shards, {
          worker: costOf(workerCost, fetches, kind),
          redis: costOf(redisCost, fetches, kind),
        });
      }
    }
  }

  /** Starts what the limits allow; if that is too much for the fleet, origins take turns. */
  #startFetches(end: number, overload: number, onStarts: OnStarts): number {
    const before = this.done;
    if (overload > 1) {
      const budget = this.#demand.slotSeconds / overload + this.#rest;
      this.#rest = this.#takeTurns(this.#continueTurns(budget, end, onStarts), end, onStarts);
    } else {
      this.#rest = 0;
      for (let at = 0; at < this.#active.count; at++) {
        this.#start(at, Infinity, end, onStarts);
      }
    }
    this.#noteWaits(end);
    return this.done - before;
  }

  /**
   * What has had its turn goes on, up to the end of its slice.
   *
   * @param budget slot seconds; may be overdrawn by one start, which the next step pays for
   * @returns what is left of it
   */
  #continueTurns(budget: number, end: number, onStarts: OnStarts): number {
    const { count, origins, open } = this.#active;
    const first = this.#goesOn < count ? this.#goesOn : 0;
    let left = budget;
    for (let step = 0; step < count && left > 0; step++) {
      const at = (first + step) % count;
      const most = open[origins[at] ?? 0] ?? 0;
      if (most > 0) {
        left -= this.#start(at, most, end, onStarts);
        this.#goesOn = at + 1;
      }
    }
    return left;
  }

  /** Then others have their turns of one slice each, and begin where the last step ended. */
  #takeTurns(budget: number, end: number, onStarts: OnStarts): number {
    const { count, origins, open, wants } = this.#active;
    const { sliceSize } = this.#scenario;
    let left = budget;
    let at = this.#turn < count ? this.#turn : 0;
    for (let idle = 0; idle < count && left > 0; at = at + 1 < count ? at + 1 : 0) {
      const origin = origins[at] ?? 0;
      if ((wants[at] ?? 0) > 0 && open[origin] === 0) {
        open[origin] = sliceSize;
        left -= this.#start(at, sliceSize, end, onStarts);
        idle = 0;
      } else {
        idle += 1;
      }
    }
    this.#turn = at;
    return left;
  }

  /** @returns the slot seconds of what was started */
  #start(at: number, most: number, end: number, onStarts: OnStarts): number {
    const active = this.#active;
    const [origin = 0, wanted = 0] = [active.origins[at], active.wants[at]];
    const fetches = Math.min(wanted, most);
    if (fetches === 0) {
      return 0;
    }
    this.#states.start(origin, fetches, this.now);
    active.wants[at] = wanted - fetches;
    active.open[origin] = Math.max(0, (active.open[origin] ?? 0) - fetches);
    active.serve(origin, end);
    this.done += fetches;
    this.#lastServed = origin;
    onStarts(origin, fetches, this.now, end);
    return fetches * this.#states.latency(origin, this.now);
  }

  /** Origins that might have started something wait for workers; others for their own limits. */
  #noteWaits(end: number): void {
    const { count, origins, wants, servedAt } = this.#active;
    for (let at = 0; at < count; at++) {
      const origin = origins[at] ?? 0;
      if ((wants[at] ?? 0) === 0) {
        servedAt[origin] = end;
      } else {
        this.longestWait = Math.max(this.longestWait, end - (servedAt[origin] ?? end));
      }
    }
  }
}
