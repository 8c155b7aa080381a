import type { FetchNetwork, ProxyRoutes } from '../connect/proxy.ts';
import { effectivePolicy } from '../connect/address-filter.ts';
import type { Transport } from './transport.ts';

/** Policies whose connections are kept; beyond it the least recently used idle pool is closed. */
const MAX_POOLS = 16;

/** What holds for all crawls of a process. */
interface ProcessNetwork {
  readonly allowPrivate: boolean;
  readonly routes?: ProxyRoutes | undefined;
}

/** The connections of one network. */
export interface PolicyPool {
  readonly transport: Transport;
  inFlight: number;
  /** Sequence number of the last use. */
  lastUsed: number;
  stopped: boolean;
}

/**
 * One transport per distinct network: a pooled connection is used only under the policy that it was
 * checked against when it was opened.
 */
export class PolicyPools {
  readonly #create: (network: FetchNetwork) => Transport;
  readonly #allowPrivate: boolean;
  readonly #routes: ProxyRoutes | undefined;
  readonly #pools = new Map<string, PolicyPool>();
  /** Saves building the key: a worker passes the same object for every fetch of a batch. */
  readonly #known = new WeakMap<FetchNetwork, PolicyPool>();
  #uses = 0;

  constructor(
    { allowPrivate, routes }: ProcessNetwork,
    create: (network: FetchNetwork) => Transport,
  ) {
    this.#allowPrivate = allowPrivate;
    this.#routes = routes;
    this.#create = create;
  }

  of(network: FetchNetwork): PolicyPool {
    let pool = this.#known.get(network);
    if (pool === undefined || pool.stopped) {
      const { routes = this.#routes, trust } = network;
      pool = this.#find({ ...effectivePolicy(network, this.#allowPrivate), routes, trust });
      this.#known.set(network, pool);
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

  #find({ allowPrivate, allow: ranges, routes, trust }: FetchNetwork): PolicyPool {
    const allow = [...ranges].toSorted();
    const key = JSON.stringify([allowPrivate, allow, routes, trust]);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      this.#evictIdle();
      // A copy: the caller could change the policy of an existing pool otherwise.
      const transport = this.#create({ allowPrivate, allow, routes, trust });
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
