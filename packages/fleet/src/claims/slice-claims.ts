import { toError } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { type Every, everyAlone } from '../redis/every.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { inTurn, PerShard } from '../shards/per-shard.ts';
import type { ClaimedSlice } from './claimed-slice.ts';
import { withTimeout } from '../redis/with-timeout.ts';
import { ShardClaims } from './shard-claims.ts';

/** How long a wait lasts. Several at once may be longer: one of them ends at some time. */
const WAIT_SECONDS = 5;
const WAIT_SECONDS_AT_SEVERAL = 8;
/** A shard in which there was nothing is not asked again for so long, except by a wait. */
const EMPTY_MS = 50;
/** A shard that has not answered for so long keeps no other one waiting. */
const PATIENCE_MS = 1_000;

/** Where this worker stands with a shard. */
interface Shard {
  readonly claims: ShardClaims;
  /**
   * Whether a read is under way for which no claim stands still: one that ends when there is a
   * slice or after a while, or one that Redis does not answer.
   */
  isWaiting: boolean;
  /** On the `performance.now()` clock. */
  emptyUntilMs: number;
}

type Taker = (answer: Promise<ClaimedSlice | undefined>) => void;

/**
 * Claims slices for a worker, of all shards of its fleet in turn: however long the queue of one is,
 * the next claim is at another one that has slices. Where all are empty, it waits at all of them at
 * once, so nothing is polled. In a fleet of one shard, all of that is one call.
 *
 * A wait that goes on when another shard has brought a slice may bring one that nobody has asked
 * for. It goes back at once: this worker may be full, and others idle. The same is done with a
 * shard whose Redis does not answer: the others are claimed from meanwhile.
 */
export class SliceClaims {
  readonly #keys: FleetKeys;
  readonly #shards: PerShard<Shard>;
  readonly #onError: (error: Error) => void;
  /** Claims that wait at all shards. */
  readonly #takers: Taker[] = [];
  #turn = 0;
  #isStarted = false;

  constructor(options: {
    readonly redis: Redis;
    readonly keys?: FleetKeys;
    /** Unique in the fleet: part of the lock tokens. */
    readonly worker: string;
    readonly onError: (error: Error) => void;
    /** Called for each slice of a dead worker that is queued again. */
    readonly onStalled?: (sliceId: string) => void;
    /** @default by timers of their own */
    readonly every?: Every;
  }) {
    const { keys = fleetKeys(), onError, every = everyAlone } = options;
    this.#keys = keys;
    this.#onError = onError;
    this.#shards = new PerShard(keys, (shard) => {
      const isOne = keys.shards.length === 1;
      const waitSeconds = isOne ? WAIT_SECONDS : WAIT_SECONDS_AT_SEVERAL;
      const claims = new ShardClaims({ ...options, keys: shard, waitSeconds, every });
      if (this.#isStarted) {
        claims.start().catch((error: unknown) => onError(toError(error)));
      }
      return { claims, isWaiting: false, emptyUntilMs: 0 };
    });
  }

  /** Slices that are claimed and not ended. */
  get active(): number {
    return this.#all.reduce((sum, { active }) => sum + active, 0);
  }

  async start(): Promise<void> {
    const all = this.#all;
    this.#isStarted = true;
    await Promise.all(all.map(async (claims) => claims.start()));
  }

  /**
   * Claims through new connections from now on: a client whose answer was lost never stops waiting.
   * Open claims stay; they are renewed and ended through the connection that the caller owns.
   */
  async rebuild(): Promise<void> {
    await Promise.all(this.#all.map(async (claims) => claims.rebuild()));
  }

  /** Stops claiming at once. Open claims are still renewed and can be ended. */
  async pause(): Promise<void> {
    await Promise.all(this.#all.map(async (claims) => claims.pause()));
  }

  /** Call it when every claim has ended. Open claims are no longer renewed and expire. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map(async (claims) => claims.stop()));
  }

  /**
   * The next slice. Rejects while Redis cannot be reached, and when Redis answers with an error:
   * that is not the same as "nothing to claim".
   *
   * @param options.block waits a few seconds for a slice; otherwise takes what is there now.
   *   @default true
   */
  async claim({ block = true }: { readonly block?: boolean } = {}): Promise<
    ClaimedSlice | undefined
  > {
    const { shards: known, home } = this.#keys;
    if (known.length === 1) {
      return this.#shards.at(home).claims.claim({ block });
    }
    const shards = this.#shards.all();
    const failures: unknown[] = [];
    for (const shard of inTurn(shards, this.#turn++).filter(isWorthAsking)) {
      const slice = await this.#ask(shard).catch((error: unknown) => void failures.push(error));
      if (slice !== undefined) {
        failures.forEach((error) => this.#onError(toError(error)));
        return slice;
      }
    }
    if (failures.length > 0) {
      throw toError(failures[0]);
    }
    return block ? this.#waitAtAll(shards) : undefined;
  }

  get #all(): readonly ShardClaims[] {
    return this.#shards.all().map(({ claims }) => claims);
  }

  async #ask(shard: Shard): Promise<ClaimedSlice | undefined> {
    const answer = shard.claims.claim({ block: false });
    const inTime = await withTimeout(
      answer.then((slice) => ({ slice })),
      PATIENCE_MS,
    );
    if (inTime === undefined) {
      this.#takeLater(shard, answer);
    } else if (inTime.slice === undefined) {
      shard.emptyUntilMs = performance.now() + EMPTY_MS;
    }
    return inTime?.slice;
  }

  async #waitAtAll(shards: readonly Shard[]): Promise<ClaimedSlice | undefined> {
    const { promise, resolve } = Promise.withResolvers<ClaimedSlice | undefined>();
    this.#takers.push(resolve);
    for (const shard of shards) {
      if (!shard.isWaiting) {
        this.#takeLater(shard, shard.claims.claim({ block: true }));
      }
    }
    return promise;
  }

  /** The answer goes to the claim that waits longest; where none does, a slice goes back. */
  #takeLater(shard: Shard, answer: Promise<ClaimedSlice | undefined>): void {
    shard.isWaiting = true;
    const end = async (slice?: ClaimedSlice): Promise<void> => {
      shard.isWaiting = false;
      shard.emptyUntilMs = slice === undefined ? performance.now() + EMPTY_MS : 0;
      const taker = this.#takers.shift();
      if (taker !== undefined) {
        taker(answer);
      } else if (slice !== undefined) {
        await shard.claims.release(slice);
      } else {
        await answer;
      }
    };
    answer.then(end, async () => end()).catch((error: unknown) => this.#onError(toError(error)));
  }
}

function isWorthAsking({ isWaiting, emptyUntilMs }: Shard): boolean {
  return !isWaiting && performance.now() >= emptyUntilMs;
}
