import type { Redis } from 'ioredis';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';

/**
 * Tells all workers to ask the gate again before they start a fetch of an origin: a block or the
 * breaker began or ended, or a person set limits. Other workers react within a round trip. A worker
 * that misses a notification learns the same from its next exchange.
 */
export class GateNotifications {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  #subscriber: Redis | undefined;

  constructor(redis: Redis, keys: FleetKeys = fleetKeys()) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Subscribes on a connection of its own, which reconnects by itself. */
  start(onOrigin: (origin: string) => void, onError: (error: Error) => void): void {
    const subscriber = this.#redis.duplicate();
    this.#subscriber = subscriber;
    subscriber.on('error', onError);
    subscriber.on('message', (_channel, origin) => onOrigin(origin));
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
