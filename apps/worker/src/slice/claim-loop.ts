import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_SLICE, toError } from '@fetchfleet/crawl';
import type { ClaimedSlice, SliceClaims } from '@fetchfleet/fleet';
import { type Heartbeat } from '@fetchfleet/service';
import type { Permits } from '../origin/permits.ts';

/** Before claiming again after an error: Redis is on its way back. */
const AFTER_ERROR_MS = 500;
/** Claims under way at once, where there is room for so many slices: one after the other they would be the bottleneck of a big worker. */
const MAX_AT_ONCE = 8;

export interface ClaimLoopOptions {
  readonly claims: SliceClaims;
  readonly permits: Permits;
  /** Takes a slice to its end; `onPermitsRequested` is called when the slice has requested its permits. */
  readonly process: (claim: ClaimedSlice, onPermitsRequested: () => void) => Promise<void>;
  /** Beats at every turn; a full worker waits for its permits, which is progress of another kind. */
  readonly heartbeat: Heartbeat;
  readonly onError: (error: Error) => void;
}

/** Claims slices while there is room for more fetches in flight, and little more. */
export class ClaimLoop {
  readonly #options: ClaimLoopOptions;
  readonly #running = new Set<Promise<void>>();
  #isStopping = false;
  #claiming = 0;

  constructor(options: ClaimLoopOptions) {
    this.#options = options;
  }

  /** True while it waits for Redis rather than for room. */
  get isClaiming(): boolean {
    return this.#claiming > 0;
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
    let isBacklogged = false;
    while (!this.#isStopping) {
      heartbeat.beat();
      await permits.room();
      const begun: readonly boolean[] = isBacklogged
        ? await this.#claimAtOnce(Math.floor(permits.vacancies / MAX_SLICE))
        : [await this.#claimOne(true)];
      isBacklogged = begun.includes(true);
    }
  }

  /** @returns for each, whether there was a slice */
  async #claimAtOnce(count: number): Promise<boolean[]> {
    const length = Math.min(MAX_AT_ONCE, Math.max(1, count));
    return Promise.all(Array.from({ length }, async () => this.#claimOne(false)));
  }

  async #claimOne(block: boolean): Promise<boolean> {
    const claim = await this.#claim(block);
    if (claim === undefined) return false;
    const { promise: permitsRequested, resolve: onPermitsRequested } =
      Promise.withResolvers<void>();
    const run = this.#run(claim, onPermitsRequested).finally(() => {
      this.#running.delete(run);
      onPermitsRequested();
    });
    this.#running.add(run);
    // Whether there is room for another is known only when this one has asked for its permits.
    await permitsRequested;
    return true;
  }

  async #claim(block: boolean): Promise<ClaimedSlice | undefined> {
    this.#claiming += 1;
    try {
      return await this.#options.claims.claim({ block });
    } catch (error) {
      if (!this.#isStopping) {
        this.#options.onError(toError(error));
        await sleep(AFTER_ERROR_MS);
      }
      return undefined;
    } finally {
      this.#claiming -= 1;
    }
  }

  async #run(claim: ClaimedSlice, onPermitsRequested: () => void): Promise<void> {
    try {
      await this.#options.process(claim, onPermitsRequested);
    } catch (error) {
      // Redis refused its end: the claim expires and another worker goes on.
      this.#options.onError(toError(error));
    }
  }
}
