import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaimedSlice, SliceClaims } from '@fetchfleet/fleet';
import { type Heartbeat, toError } from '@fetchfleet/service';
import type { Permits } from './permits.ts';

/** Before claiming again after an error: Redis is on its way back. */
const AFTER_ERROR_MS = 500;

export interface ClaimLoopOptions {
  readonly claims: SliceClaims;
  readonly permits: Permits;
  /** Takes a slice to its end; `asked` is called when it has asked for its permits. */
  readonly process: (claim: ClaimedSlice, asked: () => void) => Promise<void>;
  /** Beats at every turn; a full worker waits for its permits, which is progress of another kind. */
  readonly heartbeat: Heartbeat;
  readonly onError: (error: Error) => void;
}

/** Claims slices while there is room for more fetches in flight, and little more. */
export class ClaimLoop {
  readonly #options: ClaimLoopOptions;
  readonly #running = new Set<Promise<void>>();
  #isStopping = false;
  #isClaiming = false;

  constructor(options: ClaimLoopOptions) {
    this.#options = options;
  }

  /** True while it waits for Redis rather than for room. */
  get isClaiming(): boolean {
    return this.#isClaiming;
  }

  start(): void {
    this.#loop().catch((error: unknown) => this.#options.onError(toError(error)));
  }

  /** Claims nothing more and waits for the slices that run. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#options.claims.pause();
    // A claim that was under way may still bring a slice, which goes back at once.
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #loop(): Promise<void> {
    const { permits, heartbeat } = this.#options;
    while (!this.#isStopping) {
      heartbeat.beat();
      await permits.room();
      const claim = await this.#claim();
      if (claim === undefined) continue;
      const { promise: asked, resolve: hasAsked } = Promise.withResolvers<void>();
      const run = this.#run(claim, hasAsked).finally(() => {
        this.#running.delete(run);
        hasAsked();
      });
      this.#running.add(run);
      // Whether there is room for another is known only when this one has asked for its permits.
      await asked;
    }
  }

  async #claim(): Promise<ClaimedSlice | undefined> {
    this.#isClaiming = true;
    try {
      return await this.#options.claims.claim();
    } catch (error) {
      if (!this.#isStopping) {
        this.#options.onError(toError(error));
        await sleep(AFTER_ERROR_MS);
      }
      return undefined;
    } finally {
      this.#isClaiming = false;
    }
  }

  async #run(claim: ClaimedSlice, asked: () => void): Promise<void> {
    try {
      await this.#options.process(claim, asked);
    } catch (error) {
      // Redis refused its end: the claim expires and another worker goes on.
      this.#options.onError(toError(error));
    }
  }
}
