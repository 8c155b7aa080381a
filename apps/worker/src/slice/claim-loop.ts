import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_SLICE, toError } from '@fetchfleet/crawl';
import { type ClaimedSlice, isRedisReply, type SliceClaims } from '@fetchfleet/fleet';
import type { Heartbeat } from '@fetchfleet/service';
import type { Permits } from '../permits/permits.ts';

/** Pause after a failed claim: Redis is on its way back. */
const AFTER_ERROR_MS = 500;
/** Claims under way at once while there is a backlog. One at a time, they limit a big worker. */
const MAX_AT_ONCE = 8;

export interface ClaimLoopOptions {
  readonly claims: Pick<SliceClaims, 'claim' | 'pause'>;
  readonly permits: Pick<Permits, 'waitForCapacity' | 'vacancies' | 'lead'>;
  /** Processes a slice to its end. Calls `onWaiting` when it waits for robots.txt or permits. */
  readonly process: (claim: ClaimedSlice, onWaiting: () => void) => Promise<void>;
  /** Beats at every turn, but not while a full worker waits for capacity or claims are refused. */
  readonly heartbeat: Heartbeat;
  readonly onError: (error: Error) => void;
}

/** Claims slices while the worker has capacity for more fetches. */
export class ClaimLoop {
  readonly #options: ClaimLoopOptions;
  readonly #running = new Set<Promise<void>>();
  #isStopping = false;
  #claiming = 0;
  #refusal: string | undefined;

  constructor(options: ClaimLoopOptions) {
    this.#options = options;
  }

  /** Whether it waits for Redis and not for capacity. */
  get isClaiming(): boolean {
    return this.#claiming > 0;
  }

  /** What Redis answers to claims, if that is an error; undefined once a claim is answered. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  start(): void {
    this.#loop().catch((error: unknown) => this.#options.onError(toError(error)));
  }

  /** Claims nothing more. Resolves when all slices have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#options.claims.pause();
    // A claim that was under way may still bring a slice, which is given back at once.
    while (this.#running.size > 0) {
      await Promise.all(this.#running);
    }
  }

  async #loop(): Promise<void> {
    const { permits, heartbeat } = this.#options;
    let isBacklogged = false;
    while (!this.#isStopping) {
      if (this.#refusal === undefined) {
        heartbeat.beat();
      }
      await permits.waitForCapacity();
      const claimed: readonly boolean[] = isBacklogged
        ? await this.#claimAtOnce(Math.floor(permits.vacancies / MAX_SLICE))
        : [await this.#claimOne({ block: true })];
      isBacklogged = claimed.includes(true);
    }
  }

  /** @returns for each claim, whether it brought a slice */
  async #claimAtOnce(count: number): Promise<boolean[]> {
    const length = Math.min(MAX_AT_ONCE, Math.max(1, count));
    return Promise.all(Array.from({ length }, async () => this.#claimOne({ block: false })));
  }

  async #claimOne(options: { readonly block: boolean }): Promise<boolean> {
    const askedAt = performance.now();
    const claim = await this.#claim(options);
    if (claim === undefined) {
      return false;
    }
    const { promise: waiting, resolve: onWaiting } = Promise.withResolvers<void>();
    const run = this.#run(claim, onWaiting).finally(() => {
      this.#running.delete(run);
      onWaiting();
    });
    this.#running.add(run);
    // Before that, the capacity left for another slice is not known.
    await waiting;
    if (!options.block) {
      this.#options.permits.lead.addClaim(performance.now() - askedAt);
    }
    return true;
  }

  async #claim(options: { readonly block: boolean }): Promise<ClaimedSlice | undefined> {
    this.#claiming += 1;
    try {
      const claim = await this.#options.claims.claim(options);
      this.#refusal = undefined;
      return claim;
    } catch (error) {
      this.#refusal = isRedisReply(error) ? toError(error).message : this.#refusal;
      if (!this.#isStopping) {
        this.#options.onError(toError(error));
        await sleep(AFTER_ERROR_MS);
      }
      return undefined;
    } finally {
      this.#claiming -= 1;
    }
  }

  async #run(claim: ClaimedSlice, onWaiting: () => void): Promise<void> {
    try {
      await this.#options.process(claim, onWaiting);
    } catch (error) {
      // The end of the slice could not be stored: its claim expires, and another worker goes on.
      this.#options.onError(toError(error));
    }
  }
}
