import { toError } from '@fetchfleet/crawl';
import { isNotConnectionError, type Worker } from 'bullmq';
import type { Every } from '../redis/every.ts';

/** Between two checks of a worker. */
const CHECK_MS = 4_000;
/**
 * BullMQ lets only one worker check in this time. Less than the interval, or a worker that is alone
 * could be kept from it by its own last check.
 */
export const STALLED_INTERVAL_MS = 3_500;

/**
 * Queues jobs again whose worker has died: those that a check finds without their lock, for the
 * second time. BullMQ's own loop does the same, by a timer of its own; its option
 * `skipStalledCheck` has to be set.
 */
export class StalledCheck {
  readonly #worker: () => Worker;
  readonly #every: Every;
  #stopChecking: (() => void) | undefined;
  #isChecking = false;

  /** @param worker the one that reports jobs and errors, which may be replaced */
  constructor(worker: () => Worker, every: Every) {
    this.#worker = worker;
    this.#every = every;
  }

  start(): void {
    this.#stopChecking ??= this.#every(CHECK_MS, () => this.#checkOnce());
    this.#checkOnce();
  }

  stop(): void {
    this.#stopChecking?.();
    this.#stopChecking = undefined;
  }

  /** While Redis is away, a check waits for it, and others would only pile up. */
  #checkOnce(): void {
    if (!this.#isChecking) {
      this.#isChecking = true;
      void this.#check(this.#worker()).finally(() => {
        this.#isChecking = false;
      });
    }
  }

  async #check(worker: Worker): Promise<void> {
    try {
      for (const id of await worker.backend.moveStalledJobsToWait()) {
        worker.emit('stalled', id, 'active');
      }
    } catch (thrown) {
      const error = toError(thrown);
      // Whoever works with Redis says that it is away.
      if (worker.closing === undefined && isNotConnectionError(error)) {
        worker.emit('error', error);
      }
    }
  }
}
