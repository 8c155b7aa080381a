import { type Answer, jsonAnswer } from './answer.ts';
import { chance } from './chance.ts';
import type { Dials } from './dials.ts';

/** The `purpose` of a draw; see `chance`. */
const FOR_ERROR = 1;
const FOR_THROTTLE = 2;
const FOR_JITTER = 3;

const MAX_REMEMBERED = 100_000;

/** What becomes of a request before its page is asked. */
export interface Fate {
  /** The answer in place of that of the page. */
  readonly fault: Answer | undefined;
  readonly delayMs: number;
  /** Number of earlier requests for the same. */
  readonly count: number;
}

/** Draws faults and delays: which requests fail depends on what is asked for, and how often. */
export class Faults {
  readonly #limitPerSecond: number;
  readonly #counts = new Map<string, number>();

  /** @param limitPerSecond requests above this number in a second get a 429. @default no limit */
  constructor(limitPerSecond: number | undefined) {
    this.#limitPerSecond = limitPerSecond ?? Number.POSITIVE_INFINITY;
  }

  /**
   * @param what is asked for: its name, and the seed of its draws
   * @param arrivals number of requests in this second, this one included
   */
  draw(
    what: { readonly name: string; readonly seed: number },
    dials: Dials,
    arrivals: number,
  ): Fate {
    const { name, seed } = what;
    const count = this.#counts.get(name) ?? 0;
    this.#counts.delete(name); // what was asked for last stays longest
    this.#counts.set(name, count + 1);
    if (this.#counts.size > MAX_REMEMBERED) {
      const [oldest = ''] = this.#counts.keys();
      this.#counts.delete(oldest);
    }
    const delayMs = dials.latencyMs + dials.jitterMs * chance(seed, count, FOR_JITTER);
    return { fault: this.#fault(seed, count, { dials, arrivals }), delayMs, count };
  }

  #fault(
    seed: number,
    count: number,
    { dials, arrivals }: { readonly dials: Dials; readonly arrivals: number },
  ): Answer | undefined {
    if (dials.status !== undefined && dials.status >= 300) {
      return faultOf(dials.status, dials);
    }
    if (arrivals > this.#limitPerSecond || chance(seed, count, FOR_THROTTLE) < dials.throttle) {
      return faultOf(429, dials);
    }
    return chance(seed, count, FOR_ERROR) < dials.errors ? faultOf(500, dials) : undefined;
  }
}

function faultOf(status: number, dials: Dials): Answer {
  const retryAfter = dials.retryAfter ?? (status === 429 ? 1 : undefined);
  const answer = jsonAnswer(status, { error: `status ${status}, as asked for by a dial` });
  if (retryAfter === undefined) {
    return answer;
  }
  return { ...answer, headers: { 'retry-after': String(retryAfter) } };
}
