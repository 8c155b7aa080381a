import type { FleetKeys } from '@fetchfleet/fleet';
import type { Logger } from '@fetchfleet/service';
import type { Redis } from 'ioredis';

const BEAT_MS = 2_000;
/** Redis counts as gone when it has not answered for so long: two beats. */
const SILENCE_MS = 5_000;

/** Tells the fleet that this worker lives, and this worker whether Redis does. Each change of that is logged once. */
export class Presence {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #worker: string;
  readonly #log: Logger;
  readonly #onBeat: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #lastAnswer = 0;
  #wasConnected: boolean | undefined;
  #lastError = '';

  constructor(options: {
    readonly redis: Redis;
    readonly keys: FleetKeys;
    readonly worker: string;
    readonly log: Logger;
    /** What else is to be told every two seconds. */
    readonly onBeat: () => Promise<void>;
  }) {
    this.#onBeat = options.onBeat;
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#worker = options.worker;
    this.#log = options.log;
  }

  /** Whether Redis has answered lately. */
  get isConnected(): boolean {
    return this.#redis.status === 'ready' && performance.now() - this.#lastAnswer < SILENCE_MS;
  }

  start(): void {
    this.#beat();
    this.#timer ??= setInterval(() => this.#beat(), BEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#redis.status === 'ready') await this.#redis.zrem(this.#keys.workers, this.#worker);
  }

  /** An error of any Redis connection: logged once until Redis has answered again. */
  failed(error: Error): void {
    const reason = error.message === '' ? error.name : error.message;
    if (reason === this.#lastError) return;
    this.#lastError = reason;
    this.#log.warn({ reason }, 'Redis trouble; trying again');
  }

  #beat(): void {
    this.#tellChange();
    // While it is away nothing is asked: questions would only pile up.
    if (this.#redis.status !== 'ready' && this.#timer !== undefined) return;
    this.#answer().catch((error: Error) => this.failed(error));
  }

  async #answer(): Promise<void> {
    const [seconds] = await this.#redis.time();
    this.#lastAnswer = performance.now();
    this.#tellChange();
    await this.#redis.zadd(this.#keys.workers, Number(seconds), this.#worker);
    await this.#redis.zremrangebyscore(this.#keys.workers, '-inf', Number(seconds) - 3600);
    await this.#onBeat();
  }

  #tellChange(): void {
    const { isConnected } = this;
    if (isConnected === this.#wasConnected) return;
    if (isConnected) {
      if (this.#wasConnected === false) this.#log.info('Redis answers');
      this.#lastError = '';
    } else if (this.#wasConnected === true) {
      this.#log.warn('Redis does not answer; trying again until it does');
    }
    this.#wasConnected = isConnected;
  }
}
