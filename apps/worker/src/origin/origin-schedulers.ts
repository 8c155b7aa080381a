import type { Gate, GateAnswer } from '@fetchfleet/fleet';
import type { Logger } from '@fetchfleet/service';
import { OriginScheduler } from './origin-scheduler.ts';
import type { Permits } from './permits.ts';
import { RedisClock } from './redis-clock.ts';

/** Origins of which is remembered that they were told of. */
const MAX_TOLD = 1_000;

export interface OriginSchedulersOptions {
  readonly gate: Gate;
  readonly permits: Permits;
  /** What an origin's robots.txt asks to leave between two fetches, as far as it is known here. */
  readonly crawlDelayMs: (origin: string) => number | undefined;
  /** Brings slices back that were sent away. */
  readonly wakeSlices: (slices: readonly string[]) => Promise<void>;
  /** Tells the other workers that an origin has to be asked about again. */
  readonly tellOthers: (origin: string) => Promise<void>;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

/** The schedulers of all origins that this worker has to do with just now. */
export class OriginSchedulers {
  readonly #options: OriginSchedulersOptions;
  readonly #schedulers = new Map<string, OriginScheduler>();
  readonly #clamped = new Set<string>();
  readonly #clock = new RedisClock();
  #whenIdle: (() => void) | undefined;

  constructor(options: OriginSchedulersOptions) {
    this.#options = options;
  }

  /** Origins with slices or fetches here. */
  get origins(): string[] {
    return [...this.#schedulers.keys()];
  }

  of(origin: string): OriginScheduler {
    const known = this.#schedulers.get(origin);
    if (known !== undefined) return known;
    const { gate, permits, onError } = this.#options;
    const lane: OriginScheduler = new OriginScheduler({
      origin,
      gate,
      permits,
      clock: this.#clock,
      onError,
      wakeSlices: (slices) => void this.#options.wakeSlices(slices).catch(onError),
      onClamped: (maxMs) => this.#tellClamped(origin, maxMs),
      crawlDelayMs: () => this.#options.crawlDelayMs(origin),
      onChange: (answer) => this.#tell(origin, answer),
      onIdle: () => {
        if (this.#schedulers.get(origin) === lane) this.#schedulers.delete(origin);
        if (this.#schedulers.size === 0) this.#whenIdle?.();
      },
    });
    this.#schedulers.set(origin, lane);
    return lane;
  }

  /** What another worker has heard of an origin, or a person has set. */
  invalidate(origin: string): void {
    this.#schedulers.get(origin)?.invalidate();
  }

  /** A slice that was sent away is delayed now. Whoever called it before that was not heard, so it is called again. */
  async hasLeft(origin: string, slice: string): Promise<void> {
    const { gate, wakeSlices, onError } = this.#options;
    try {
      if (!(await gate.isDeferred(origin, slice))) await wakeSlices([slice]);
    } catch (error) {
      // Its own time brings it.
      onError(error);
    }
  }

  /** Slices stop: guests that have nothing to start any more are let go. @param origin default: all */
  nudge(origin?: string): void {
    if (origin !== undefined) this.#schedulers.get(origin)?.nudge();
    else for (const lane of this.#schedulers.values()) lane.nudge();
  }

  /** Resolves when the gate knows that nothing is in flight here any more. */
  async stop(): Promise<void> {
    for (const lane of this.#schedulers.values()) lane.endVigil();
    if (this.#schedulers.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1_000); // Redis is away: the leases expire
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Once per origin: an absurd answer comes again and again. */
  #tellClamped(origin: string, maxMs: number): void {
    if (this.#clamped.has(origin)) return;
    if (this.#clamped.size < MAX_TOLD) this.#clamped.add(origin);
    const fields = { origin, seconds: maxMs / 1000 };
    this.#options.log.warn(fields, 'Retry-After exceeds --max-retry-after, clamped');
  }

  #tell(origin: string, { state, againInMs }: GateAnswer): void {
    const { log, tellOthers, onError } = this.#options;
    tellOthers(origin).catch(onError);
    const seconds = Math.round(againInMs / 100) / 10;
    if (state === 'blocked') log.warn({ origin, seconds }, 'origin says "not now"');
    else if (state === 'breaker')
      log.warn({ origin, seconds }, 'origin keeps failing: breaker open');
    else log.info({ origin }, 'origin answers again');
  }
}
