import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from '../ledger/ledger.ts';
import { UNFINISHED_STATES } from '../ledger/ledger-reader.ts';

/** Short: a producer that is started again after a kill waits for the old lease to expire. */
const TTL_MS = 5_000;
const RENEW_MS = 1_500;
const POLL_MS = 250;

/** The lease of a killed holder has expired after this time. */
export const LEASE_TIMEOUT_MS = TTL_MS + 1_000;

/**
 * The right to expand a batch. One producer has it at a time, until it releases it or its process
 * ends.
 */
export class ExpansionLease {
  readonly #ledger: Ledger;
  readonly #batch: string;
  readonly #holder = randomUUID();
  readonly #ended = new AbortController();
  #endsWithBatch = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(ledger: Ledger, batch: string) {
    this.#ledger = ledger;
    this.#batch = batch;
  }

  /**
   * Waits until no other producer holds the lease.
   *
   * @returns undefined when the batch does not expand any more, or after `timeoutMs`
   */
  static async acquire(
    ledger: Ledger,
    batch: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
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

  /**
   * Aborts when another producer has the lease, because this process was suspended for longer than
   * the lease lasts; and when the batch has ended or was removed, see {@link endWithBatch}.
   */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** To be called when the batch is registered. The lease of a new one is taken before. */
  endWithBatch(): void {
    this.#endsWithBatch = true;
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ledger.releaseExpansion(this.#batch, this.#holder);
  }

  async #renew(): Promise<void> {
    try {
      const isHeld = await this.#ledger.holdExpansion(this.#batch, this.#holder, TTL_MS);
      if (!isHeld || (this.#endsWithBatch && !(await this.#goesOn()))) {
        this.#ended.abort();
      }
    } catch {
      // Redis cannot be reached. Slices have stable ids, so it is safe to go on and try again.
    }
  }

  async #goesOn(): Promise<boolean> {
    const state = await this.#ledger.state(this.#batch);
    return state !== undefined && UNFINISHED_STATES.includes(state);
  }
}
