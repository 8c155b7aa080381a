import { outageAt } from './breaker.ts';
import { SPACING, startsUntil } from './pace-limit.ts';
import type { Fault, Origins } from './scenario.ts';

/** From the end of a fetch to the next start in its place: report, permit and dispatch. */
const TURNAROUND_SECONDS = 0.008;
const SLOWER = 10;
const NONE = 0;
const DOWN = 1;
const REFUSE = 2;

/**
 * What an origin has to fetch, and when it may start the next fetch. Columns of typed arrays: a
 * million origins take 60 MB.
 */
export class OriginStates {
  readonly pending: Int32Array;
  /** Requests that failed or were refused, and cost no fetch more than its turn. */
  wasted = 0;
  readonly #origins: Origins;
  /** The next start that the rate allows, and the number in flight. */
  readonly #nextAt: Float64Array;
  readonly #placeAt: Float64Array;
  /** Nothing starts before: the breaker is open, or the origin has asked for a rest. */
  readonly #shutUntil: Float64Array;
  readonly #faultUntil: Float64Array;
  readonly #fault: Uint8Array;
  readonly #slowUntil: Float64Array;

  constructor(origins: Origins) {
    const count = origins.fetches.length;
    this.#origins = origins;
    this.pending = new Int32Array(count);
    this.#nextAt = new Float64Array(count);
    this.#placeAt = new Float64Array(count);
    this.#shutUntil = new Float64Array(count);
    this.#faultUntil = new Float64Array(count);
    this.#fault = new Uint8Array(count);
    this.#slowUntil = new Float64Array(count);
  }

  /** A fault begins. */
  strike({ kind, origin, at, seconds }: Fault): void {
    if (kind === 'slow') {
      this.#slowUntil[origin] = at + seconds;
    } else {
      this.#fault[origin] = kind === 'down' ? DOWN : REFUSE;
      this.#faultUntil[origin] = at + seconds;
    }
  }

  /** Mean seconds that a fetch holds its place. */
  latency(origin: number, now: number): number {
    const usual = this.#origins.latency[origin] ?? 0;
    const isSlow = (this.#slowUntil[origin] ?? 0) > now;
    return (isSlow ? usual * SLOWER : usual) + TURNAROUND_SECONDS;
  }

  /** Whether a limit on starts per second holds. */
  isPaced(origin: number): boolean {
    return (this.#origins.spacing[origin] ?? 0) > 0;
  }

  /** Fetches that may start from now until the end of a step. */
  allowed(origin: number, now: number, end: number): number {
    const from = this.#openFrom(origin, now, end);
    if (from >= end) {
      return 0;
    }
    let most = this.pending[origin] ?? 0;
    const spacing = this.#spacing(origin);
    if (spacing > 0) {
      const at = Math.max(this.#nextAt[origin] ?? 0, from);
      most = Math.min(most, startsUntil(at, end, spacing));
    }
    const place = this.#placeSeconds(origin, now);
    if (place > 0) {
      const at = Math.max(this.#placeAt[origin] ?? 0, from);
      most = Math.min(most, startsUntil(at, end, place));
    }
    return most;
  }

  /** @param fetches at most what {@link allowed} has returned for the same step */
  start(origin: number, fetches: number, now: number): void {
    this.pending[origin] = (this.pending[origin] ?? 0) - fetches;
    const from = Math.max(now, this.#shutUntil[origin] ?? 0);
    const [nextAt = 0, placeAt = 0] = [this.#nextAt[origin], this.#placeAt[origin]];
    this.#nextAt[origin] = Math.max(nextAt, from) + fetches * this.#spacing(origin);
    this.#placeAt[origin] = Math.max(placeAt, from) + fetches * this.#placeSeconds(origin, now);
  }

  #spacing(origin: number): number {
    return (this.#origins.spacing[origin] ?? 0) * SPACING;
  }

  /** Mean seconds between two starts that a limit of fetches in flight allows; 0 without one. */
  #placeSeconds(origin: number, now: number): number {
    const inFlight = this.#origins.inFlight[origin] ?? 0;
    return inFlight > 0 ? this.latency(origin, now) / inFlight : 0;
  }

  /** When starts are allowed at all. A fault shows itself to the first fetch that meets it. */
  #openFrom(origin: number, now: number, end: number): number {
    const from = Math.max(now, this.#shutUntil[origin] ?? 0);
    const until = this.#faultUntil[origin] ?? 0;
    const fault = this.#fault[origin] ?? NONE;
    if (fault === NONE || from >= end) {
      return from;
    }
    this.#fault[origin] = NONE;
    if (from >= until) {
      return from;
    }
    const spacing = Math.max(this.#spacing(origin), this.#placeSeconds(origin, now));
    const { endsAt, failed } =
      fault === DOWN ? outageAt(from, until, spacing) : { endsAt: until, failed: 1 };
    this.wasted += failed;
    this.#shutUntil[origin] = endsAt;
    return endsAt;
  }
}
