import type { NetworkPolicy } from '@fetchfleet/crawl';
import { effectivePolicy } from './address-filter.ts';
import type { Transport } from './transport.ts';

/** Policies whose connections are kept; beyond it the least recently used idle pool is closed. */
const MAX_POOLS = 16;

/** The connections of one policy. */
export interface PolicyPool {
  readonly transport: Transport;
  inFlight: number;
  /** Sequence number of the last use. */
  lastUsed: number;
  stopped: boolean;
}

/**
 * One transport per distinct policy: a pooled connection is used only under the policy that it was
 * checked against when it was opened.
 */
export class PolicyPools {
  readonly #create: (policy: NetworkPolicy) => Transport;
  readonly #allowPrivate: boolean;
  readonly #pools = new Map<string, PolicyPool>();
  /** Saves building the key: a worker passes the same object for every fetch of a batch. */
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

  /** Closes the connections that no fetch uses. */
  closeIdle(): void {
    for (const { transport } of this.#pools.values()) {
      transport.closeIdle();
    }
  }

  async stop(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(stopPool));
  }

  #find(policy: NetworkPolicy): PolicyPool {
    const allow = [...policy.allow].toSorted();
    const key = JSON.stringify([policy.allowPrivate, allow]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      this.#evictIdle();
      // A copy: the caller could change the policy of an existing pool otherwise.
      const transport = this.#create({ allowPrivate: policy.allowPrivate, allow });
      pool = { transport, inFlight: 0, lastUsed: 0, stopped: false };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Pools in use stay, however many there are: the fetches in flight bound their number. */
  #evictIdle(): void {
    const idle = [...this.#pools]
      .filter(([, pool]) => pool.inFlight === 0)
      .toSorted(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [key, pool] of idle.slice(0, Math.max(0, this.#pools.size + 1 - MAX_POOLS))) {
      this.#pools.delete(key);
      void stopPool(pool);
    }
  }
}

async function stopPool(pool: PolicyPool): Promise<void> {
  pool.stopped = true;
  await pool.transport.stop();
}
