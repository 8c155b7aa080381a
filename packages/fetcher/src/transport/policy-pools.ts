import type { NetworkPolicy } from '@fetchfleet/crawl';

import { effectivePolicy } from './address-guard.ts';
import type { Transport } from './transport.ts';

/** Policies whose connections are kept, before the one unused for longest gives way. */
const MAX_LANES = 16;

/** The connections of one policy. */
export interface Lane {
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
export class Lanes {
  readonly #create: (policy: NetworkPolicy) => Transport;
  readonly #allowPrivate: boolean;
  readonly #lanes = new Map<string, Lane>();
  /** Spares the key: a worker passes the same object for every fetch of a batch. */
  readonly #known = new WeakMap<NetworkPolicy, Lane>();
  #uses = 0;

  constructor(allowPrivate: boolean, create: (policy: NetworkPolicy) => Transport) {
    this.#allowPrivate = allowPrivate;
    this.#create = create;
  }

  of(policy: NetworkPolicy): Lane {
    let lane = this.#known.get(policy);
    if (lane === undefined || lane.stopped) {
      lane = this.#find(effectivePolicy(policy, this.#allowPrivate));
      this.#known.set(policy, lane);
    }
    this.#uses += 1;
    lane.lastUsed = this.#uses;
    return lane;
  }

  async stop(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    await Promise.all(lanes.map(stopLane));
  }

  #find(policy: NetworkPolicy): Lane {
    const allow = [...policy.allow].toSorted();
    const key = JSON.stringify([policy.allowPrivate, allow]);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#makeRoom();
      // A copy, so that the policy of a lane cannot change under it.
      const transport = this.#create({ allowPrivate: policy.allowPrivate, allow });
      lane = { transport, inFlight: 0, lastUsed: 0, stopped: false };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Lanes in use stay, however many they are: they are bounded by the fetches in flight. */
  #makeRoom(): void {
    const idle = [...this.#lanes]
      .filter(([, lane]) => lane.inFlight === 0)
      .toSorted(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [key, lane] of idle.slice(0, Math.max(0, this.#lanes.size + 1 - MAX_LANES))) {
      this.#lanes.delete(key);
      void stopLane(lane);
    }
  }
}

async function stopLane(lane: Lane): Promise<void> {
  lane.stopped = true;
  await lane.transport.stop();
}
