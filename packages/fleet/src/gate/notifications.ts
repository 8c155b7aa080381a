import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';

/**
 * "Ask the gate again before you start anything": told to all workers when an origin has said "not now", has failed too often or answers
 * again, and when a person sets its limits. So what one worker hears stops the others within a round trip. Whoever misses it hears the
 * same from the gate, a little later.
 */
export class GateNotifications {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  #subscriber: Redis | undefined;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Opens a connection of its own, which comes back by itself. */
  start(onNews: (origin: string) => void, onError: (error: Error) => void): void {
    const subscriber = this.#redis.duplicate();
    this.#subscriber = subscriber;
    subscriber.on('error', onError);
    subscriber.on('message', (_channel, origin) => onNews(origin));
    subscriber.subscribe(this.#keys.gateNotifications).catch(onError);
  }

  async publish(origin: string): Promise<void> {
    await this.#redis.publish(this.#keys.gateNotifications, origin);
  }

  stop(): void {
    this.#subscriber?.disconnect();
    this.#subscriber = undefined;
  }
}
