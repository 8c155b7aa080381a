import {
  BatchRemoval,
  connectRedis,
  fleetKeys,
  type FleetKeys,
  Ledger,
  Origins,
  parseRedisUrl,
  redactRedisUrl,
  PausedSlices,
  SliceQueue,
  Workers,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import { CommandError } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import { type EmbeddedRedis, openEmbeddedRedis } from '../local/private-redis.ts';
import { withTimeout, REDIS_TIMEOUT_MS, redisSilent } from '../core/timeouts.ts';
import { hasRedisFolder } from '../local/redis-folder.ts';
import { ScheduleAccess } from './schedule-access.ts';

/** The queue only lets go of its listeners. */
const STOP_PATIENCE_MS = 2_000;

/** How a command gets its Redis where REDIS_URL is unset. */
export type WithoutUrl =
  /** Start a private one. */
  | 'start'
  /** Use the private one of this folder, if there has ever been one. */
  | 'find'
  /** Do not. */
  | 'refuse';

/** A connection to the fleet, and what is reached through it. */
export class FleetSession {
  /** For local workers. */
  readonly url: string;
  readonly ledger: Ledger;
  readonly origins: Origins;
  readonly workers: Workers;
  readonly pausedSlices: PausedSlices;
  readonly removal: BatchRemoval;
  readonly #redis: Redis;
  readonly #embedded: EmbeddedRedis | undefined;
  readonly #keys: FleetKeys;
  readonly #lost = Promise.withResolvers<never>();
  #returnTimer: NodeJS.Timeout | undefined;
  #queue: SliceQueue | undefined;
  #schedules: ScheduleAccess | undefined;

  private constructor(address: Address, redis: Redis, fleet: string | undefined) {
    this.url = address.url;
    this.#redis = redis;
    this.#embedded = address.embedded;
    this.#keys = fleetKeys(fleet);
    this.ledger = new Ledger(redis, this.#keys);
    this.origins = new Origins(redis, this.#keys);
    this.workers = new Workers(redis, this.#keys);
    this.pausedSlices = new PausedSlices(redis, this.#keys);
    this.removal = new BatchRemoval(redis, this.#keys);
    this.#lost.promise.catch(() => undefined); // nobody may be waiting just then
    redis.on('close', () => this.#expectReturn());
    redis.on('ready', () => this.#stopTimer());
  }

  /** @throws an error of exit status 3 when no Redis answers within 10 s, of 2 when none is named */
  static async open(context: Context, withoutUrl: WithoutUrl): Promise<FleetSession> {
    const fleet = context.env['FETCHFLEET_FLEET'] || undefined;
    const address = await findRedis(context, withoutUrl);
    try {
      const redis = await connectRedis(address.url, { timeoutMs: REDIS_TIMEOUT_MS });
      return new FleetSession(address, redis, fleet);
    } catch (error) {
      address.embedded?.release();
      throw error;
    }
  }

  /** Whether Redis is the private one of this folder. */
  get isEmbedded(): boolean {
    return this.#embedded !== undefined;
  }

  /** Rejects when the connection has been gone for 10 s. Commands that wait for Redis would wait for ever. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  get queue(): SliceQueue {
    this.#queue ??= new SliceQueue(this.#redis, this.#keys);
    return this.#queue;
  }

  get schedules(): ScheduleAccess {
    this.#schedules ??= new ScheduleAccess(this.#redis, this.#keys);
    return this.#schedules;
  }

  /** Where Redis is, in words for people. */
  get place(): string {
    return this.isEmbedded ? 'the private Redis of this folder' : redactRedisUrl(this.url);
  }

  async close(): Promise<void> {
    const queues = [this.#queue, this.#schedules];
    this.#queue = undefined;
    this.#schedules = undefined;
    try {
      const stopped = Promise.all(queues.map(async (queue) => queue?.stop()));
      await withTimeout(stopped, { timeoutMs: STOP_PATIENCE_MS });
    } finally {
      this.#redis.removeAllListeners('close');
      this.#stopTimer();
      this.#redis.disconnect();
      this.#embedded?.release();
    }
  }

  /** Every failed attempt to connect again closes, too: the first one counts. */
  #expectReturn(): void {
    this.#returnTimer ??= setTimeout(
      () => this.#lost.reject(redisSilent(REDIS_TIMEOUT_MS)),
      REDIS_TIMEOUT_MS,
    );
  }

  #stopTimer(): void {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = undefined;
  }
}

interface Address {
  readonly url: string;
  readonly embedded?: EmbeddedRedis;
}

async function findRedis({ env, cwd }: Context, withoutUrl: WithoutUrl): Promise<Address> {
  const url = env['REDIS_URL'];
  if (url !== undefined && url !== '') {
    parseRedisUrl(url);
    return { url };
  }
  if (withoutUrl === 'refuse' || (withoutUrl === 'find' && !hasRedisFolder(cwd))) {
    throw noRedis(withoutUrl);
  }
  const embedded = await openEmbeddedRedis({ projectFolder: cwd, env });
  return { url: embedded.url, embedded };
}

function noRedis(withoutUrl: WithoutUrl): CommandError {
  const message =
    withoutUrl === 'refuse'
      ? 'REDIS_URL is not set: `start` hands a batch to workers elsewhere, and they must share a Redis with it; `run` needs none'
      : 'REDIS_URL is not set, and no batch has been run in this folder (there is no .fetchfleet/)';
  return new CommandError(message, { code: 'REDIS_UNNAMED' });
}

/** Opens a session for as long as `work` takes, and ends it when Redis is lost meanwhile. */
export async function withFleet<T>(
  context: Context,
  withoutUrl: WithoutUrl,
  work: (session: FleetSession) => Promise<T>,
): Promise<T> {
  const session = await FleetSession.open(context, withoutUrl);
  try {
    return await Promise.race([work(session), session.lost]);
  } finally {
    await session.close();
  }
}
