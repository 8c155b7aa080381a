import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from '../ledger/ledger.ts';

/** Short, so that whoever runs a killed producer again need not wait for long. */
const TTL_MS = 5_000;
const RENEW_MS = 1_500;
const POLL_MS = 250;

/** A holder that was killed is out of the way by then. */
export const LEASE_PATIENCE_MS = TTL_MS + 1_000;

/** The right to expand a batch, which one producer has at a time. Held until released, as long as this process lives. */
export class ExpansionLease {
  readonly #ledger: Ledger;
  readonly #batch: string;
  readonly #holder = randomUUID();
  readonly #ended = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  private constructor(ledger: Ledger, batch: string) {
    this.#ledger = ledger;
    this.#batch = batch;
  }

  /**
   * Waits for the lease.
   *
   * @returns undefined when the batch no longer expands, or `timeoutMs` is over
   */
  static async acquire(
    ledger: Ledger,
    batch: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<ExpansionLease | undefined> {
    const lease = new ExpansionLease(ledger, batch);
    const deadline = performance.now() + options.timeoutMs;
    while (!(await ledger.holdExpansion(batch, lease.#holder, TTL_MS))) {
      if (performance.now() > deadline || (await ledger.state(batch)) !== 'expanding') {
        return undefined;
      }
      await sleep(POLL_MS, undefined, { signal: options.signal });
    }
    lease.#timer = setInterval(() => void lease.#renew(), RENEW_MS).unref();
    return lease;
  }

  /** Aborts when the batch was cancelled, or somebody else has the lease because this process was out for too long. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ledger.releaseExpansion(this.#batch, this.#holder);
  }

  async #renew(): Promise<void> {
    try {
      const isHeld = await this.#ledger.holdExpansion(this.#batch, this.#holder, TTL_MS);
      if (!isHeld || (await this.#ledger.state(this.#batch)) === 'cancelled') this.#ended.abort();
    } catch {
      // Redis is away. Slices are added under ids that make a repetition harmless, so going on is safe.
    }
  }
}
