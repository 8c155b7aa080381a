import type { NetworkPolicy } from '@fetchfleet/crawl';

import { effectivePolicy } from './address-guard.ts';
import type { Transport } from './transport.ts';

/** Policies whose connections are kept, before the one unused for longest gives way. */
const MAX_LANES = 16;

/** The connections of one policy. */
export interface PolicyPool {
  readonly transport: Transport;
  inFlight: number;
  /** Counts up with every use. */
  lastUsed: number;
  stopped: boolean;
}

/**
 * One transport for each distinct policy: a pooled connection is only ever used under the policy it was
 * checked against when it was made.
 */
export class PolicyPools {
  readonly #create: (policy: NetworkPolicy) => Transport;
  readonly #allowPrivate: boolean;
  readonly #pools = new Map<string, PolicyPool>();
  /** Spares the key: a worker passes the same object for every fetch of a batch. */
  readonly #known = new WeakMap<NetworkPolicy, PolicyPool>();
  #uses = 0;

  constructor(allowPrivate: boolean, create: (policy: NetworkPolicy) => Transport) {
    this.#allowPrivate = allowPrivate;
    this.#create = create;
  }

  of(policy: NetworkPolicy): PolicyPool {
    let pool = this.#known.get(policy);
    if (pool === undefined || pool.stopped) {
      pool = this.#find(effectivePolicy(policy, this.#allowPrivate));
      this.#known.set(policy, pool);
    }
    this.#uses += 1;
    pool.lastUsed = this.#uses;
    return pool;
  }

  async stop(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(stopLane));
  }

  #find(policy: NetworkPolicy): PolicyPool {
    const allow = [...policy.allow].toSorted();
    const key = JSON.stringify([policy.allowPrivate, allow]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      this.#makeRoom();
      // A copy, so that the policy of a pool cannot change under it.
      const transport = this.#create({ allowPrivate: policy.allowPrivate, allow });
      pool = { transport, inFlight: 0, lastUsed: 0, stopped: false };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** PolicyPools in use stay, however many they are: they are bounded by the fetches in flight. */
  #makeRoom(): void {
    const idle = [...this.#pools]
      .filter(([, pool]) => pool.inFlight === 0)
      .toSorted(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [key, pool] of idle.slice(0, Math.max(0, this.#pools.size + 1 - MAX_LANES))) {
      this.#pools.delete(key);
      void stopLane(pool);
    }
  }
}

async function stopLane(pool: PolicyPool): Promise<void> {
  pool.stopped = true;
  await pool.transport.stop();
}
