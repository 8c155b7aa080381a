import type { LedgerReader, SliceQueue, Waitlist } from '@fetchfleet/fleet';

export interface WaitlistSweepOptions {
  readonly waitlist: Pick<Waitlist, 'isDeferred' | 'next' | 'leave' | 'leaveBatch' | 'markQueued'>;
  readonly queue: Pick<SliceQueue, 'wakeSlices' | 'findGone' | 'findQueued'>;
  readonly ledger: Pick<LedgerReader, 'state'>;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps waitlists true. Commands that pause, cancel or remove a batch take its slices out, but they
 * may be killed, and a slice may be lost in other ways. A slice that does not come when it is woken
 * must not hold up those behind it: it is taken out, and with it all others that are gone.
 */
export class WaitlistSweep {
  readonly #options: WaitlistSweepOptions;
  /** Origins that are swept now. */
  readonly #swept = new Set<string>();

  constructor(options: WaitlistSweepOptions) {
    this.#options = options;
  }

  /** Makes deferred slices claimable. The gate expects them, unless it hears that they are gone. */
  async wake(origin: string, slices: readonly string[]): Promise<void> {
    try {
      await this.#wake(origin, slices);
    } catch (error) {
      // The gate names those that do not come again after 2 s, and wakes the next ones.
      this.#options.onError(error);
    }
  }

  /**
   * The same for slices that have not come. The gate names them until they come, are gone, or are
   * known to be queued: a slice may wait in the queue for long.
   */
  async wakeAgain(origin: string, slices: readonly string[]): Promise<void> {
    const { queue, waitlist, onError } = this.#options;
    try {
      await this.#wake(origin, slices);
      await waitlist.markQueued(origin, await queue.findQueued(slices));
    } catch (error) {
      onError(error);
    }
  }

  /** Takes batches out of waitlist and limits that are neither running nor expanding. */
  async removeEnded(origin: string, batches: readonly string[]): Promise<void> {
    const { ledger, waitlist, onError } = this.#options;
    try {
      for (const batch of batches) {
        const state = await ledger.state(batch);
        if (state !== 'running' && state !== 'expanding') {
          await waitlist.leaveBatch(batch, [origin]);
        }
      }
    } catch (error) {
      onError(error);
    }
  }

  async #wake(origin: string, slices: readonly string[]): Promise<void> {
    const { queue, waitlist } = this.#options;
    const gone = await queue.wakeSlices(slices);
    if (gone.length > 0) {
      await waitlist.leave(origin, gone);
      await this.#sweep(origin);
    }
  }

  /** Takes out what is gone, as long as most of the next slices are. */
  async #sweep(origin: string): Promise<void> {
    if (this.#swept.has(origin)) {
      return;
    }
    const { queue, waitlist } = this.#options;
    this.#swept.add(origin);
    try {
      for (;;) {
        const next = await waitlist.next(origin);
        const gone = await queue.findGone(next);
        await waitlist.leave(origin, gone);
        if (gone.length === 0 || gone.length < next.length / 2) {
          return;
        }
      }
    } finally {
      this.#swept.delete(origin);
    }
  }
}
