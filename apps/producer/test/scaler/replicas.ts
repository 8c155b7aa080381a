/** A trigger of a ScaledObject, and what its query has answered. */
export interface Reading {
  readonly value: number;
  readonly threshold: number;
  readonly activationThreshold: number;
}

/** What of a ScaledObject says how many; times in milliseconds. */
export interface ScalingTerms {
  readonly min: number;
  readonly max: number;
  readonly cooldownMs: number;
  /** Of the way down. */
  readonly stabilizationMs: number;
  /** At most this share of the replicas goes within the period. */
  readonly down: { readonly share: number; readonly periodMs: number };
  /** Upwards, a HorizontalPodAutoscaler adds 4 or doubles within this period, unless it is told. */
  readonly upPeriodMs: number;
}

const UP_REPLICAS = 4;
/** A HorizontalPodAutoscaler leaves things as they are for a difference of a tenth. */
const TOLERANCE = 0.1;

interface Noted {
  readonly at: number;
  readonly count: number;
}

/**
 * How many replicas there should be, as KEDA and the HorizontalPodAutoscaler that it makes decide
 * it. KEDA decides between none and one, the other one about the rest.
 *
 *     none ──a trigger is active──▶ one ──values ÷ thresholds──▶ … max
 *      ▲                             │
 *      └──none is for the cooldown───┘
 */
export class Replicas {
  readonly #terms: ScalingTerms;
  #count = 0;
  #activeAt = Number.NEGATIVE_INFINITY;
  #wanted: Noted[] = [];
  #added: Noted[] = [];
  #removed: Noted[] = [];

  constructor(terms: ScalingTerms) {
    this.#terms = terms;
  }

  get count(): number {
    return this.#count;
  }

  /** Somebody else has set it: `kubectl scale`. */
  set(count: number): void {
    this.#count = count;
  }

  /** Takes what all triggers have answered. @returns how many there should be now */
  decide(readings: readonly Reading[], now: number): number {
    const isActive = readings.some(({ value, activationThreshold: least }) => value > least);
    if (isActive) {
      this.#activeAt = now;
    }
    if (this.#count === 0) {
      this.#count = isActive ? Math.max(1, this.#terms.min) : this.#terms.min;
    } else if (!isActive && now - this.#activeAt >= this.#terms.cooldownMs) {
      this.#count = this.#terms.min;
    } else {
      this.#adapt(readings, now);
    }
    return this.#count;
  }

  /** What the HorizontalPodAutoscaler does, which knows no less than one. */
  #adapt(readings: readonly Reading[], now: number): void {
    const { max, stabilizationMs, down, upPeriodMs } = this.#terms;
    const wanted = Math.max(...readings.map((reading) => this.#wantedBy(reading)));
    this.#wanted = since(this.#wanted, now - stabilizationMs);
    this.#wanted.push({ at: now, count: wanted });
    this.#added = since(this.#added, now - upPeriodMs);
    this.#removed = since(this.#removed, now - down.periodMs);
    const before = this.#count;
    if (wanted > before) {
      const begun = before - sum(this.#added);
      this.#count = Math.min(wanted, max, Math.max(begun + UP_REPLICAS, begun * 2));
      this.#added.push({ at: now, count: this.#count - before });
    } else {
      const stable = Math.min(before, Math.max(...this.#wanted.map(({ count }) => count)));
      const begun = before + sum(this.#removed);
      this.#count = Math.max(stable, 1, Math.floor(begun * (1 - down.share)));
      this.#removed.push({ at: now, count: before - this.#count });
    }
  }

  #wantedBy({ value, threshold }: Reading): number {
    const isNear = Math.abs(value / (threshold * this.#count) - 1) <= TOLERANCE;
    return isNear ? this.#count : Math.ceil(value / threshold);
  }
}

function since(noted: readonly Noted[], from: number): Noted[] {
  return noted.filter(({ at }) => at > from);
}

function sum(noted: readonly Noted[]): number {
  return noted.reduce((total, { count }) => total + count, 0);
}
