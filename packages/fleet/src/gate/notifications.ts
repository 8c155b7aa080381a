import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Every } from '../redis/every.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import { callWhenFull } from '../redis/script.ts';

/** What a lost message said must hold within 2 s. */
const CHECK_MS = 1_000;
/** How long a message may be under way. */
const GRACE_MS = 200;

/** Tells all workers to ask the gate of an origin again before they start a fetch there. */
export async function notifyWorkers(redis: Redis, keys: FleetKeys, origin: string): Promise<void> {
  // Counted, so that a worker knows of a message that it did not get.
  await Promise.all([
    callWhenFull(redis, 'INCR', keys.gateNotificationCount),
    redis.publish(keys.gateNotifications, origin),
  ]);
}

export interface NotificationHandlers {
  /** Ask the gate of this origin again. */
  readonly onOrigin: (origin: string) => void;
  /** A message was lost: ask the gates of all origins again. */
  readonly onMissed: () => void;
  /** Whether the gate of any origin is asked here; otherwise a lost message is of no interest. */
  readonly isInUse: () => boolean;
  readonly onError: (error: Error) => void;
}

/**
 * What workers tell each other of origins: a block or the breaker began or ended, or a person set
 * limits. Others react within a round trip.
 *
 * Redis delivers a message at most once: what is published while a worker reconnects is lost, and
 * so is what does not get from one node of a cluster to another. So messages are counted in Redis
 * as well, and a worker compares this count with its own.
 */
export class GateNotifications {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #every: Every;
  #subscriber: Redis | undefined;
  #stopChecks: (() => void) | undefined;
  /** Messages that have come, counted on from what Redis had counted at the start. */
  #received: number | undefined;
  #isChecking = false;

  constructor({
    redis,
    keys = fleetKeys(),
    every,
  }: {
    readonly redis: Redis;
    readonly keys?: FleetKeys;
    readonly every: Every;
  }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#every = every;
  }

  /** Subscribes on a connection of its own, which reconnects by itself. */
  start({ onOrigin, onMissed, isInUse, onError }: NotificationHandlers): void {
    const subscriber = this.#redis.duplicate();
    this.#subscriber = subscriber;
    subscriber.on('error', onError);
    subscriber.on('message', (_channel, origin) => {
      if (this.#received !== undefined) {
        this.#received += 1;
      }
      onOrigin(origin);
    });
    subscriber.subscribe(this.#keys.gateNotifications).catch(onError);
    const check = (): void => void this.#check(onMissed).catch(onError);
    // What is lost from now on counts, also before the first check.
    check();
    this.#stopChecks = this.#every(CHECK_MS, () => {
      if (isInUse() && !this.#isChecking) {
        check();
      }
    });
  }

  async publish(origin: string): Promise<void> {
    await notifyWorkers(this.#redis, this.#keys, origin);
  }

  stop(): void {
    this.#stopChecks?.();
    this.#subscriber?.disconnect();
    this.#subscriber = undefined;
  }

  async #check(onMissed: () => void): Promise<void> {
    this.#isChecking = true;
    try {
      const received = this.#received;
      const counted = Number(await this.#redis.get(this.#keys.gateNotificationCount));
      if (received === undefined || this.#received === undefined) {
        this.#received = counted;
        return;
      }
      // Version 0.1 publishes without counting, and Redis may lose its count.
      this.#received -= Math.max(0, received - counted);
      if (this.#received < counted) {
        await setTimeout(GRACE_MS, undefined, { ref: false });
      }
      if (this.#received < counted) {
        this.#received = counted;
        onMissed();
      }
    } finally {
      this.#isChecking = false;
    }
  }
}
