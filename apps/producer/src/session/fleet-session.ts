import { hostname, userInfo } from 'node:os';
import {
  BatchRemoval,
  checkRedis,
  checkWrites,
  connectRedis,
  fleetKeys,
  isRefusal,
  type FleetKeys,
  HeldSlices,
  Ledger,
  Origins,
  Outbox,
  parseRedisUrl,
  redactRedisUrl,
  type RedisAddress,
  readShards,
  redisAccess,
  ShardsWatch,
  PausedSlices,
  SliceQueue,
  timeOf,
  Waitlist,
  Workers,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import { CommandError } from '../core/errors.ts';
import { type Context, fleetName, shardsWanted } from '../core/context.ts';
import { openPrivateRedis, type PrivateRedis } from '../local/private-redis.ts';
import { REDIS_TIMEOUT_MS, redisSilent, withTimeout } from '../core/timeouts.ts';
import { hasRedisFolder } from '../local/redis-folder.ts';
import { PassedOver } from './passed-over.ts';
import { ScheduleAccess } from './schedule-access.ts';

/** Characters that are kept of who runs a command. */
const MAX_ACTOR = 100;
/** The queue only removes its listeners. */
const STOP_TIMEOUT_MS = 2_000;

/** What a command does about the private Redis of its folder if REDIS_URL is not set. */
type PrivateRedisUse =
  /** Use it, and create it if the folder has none. */
  | 'start'
  /** Use it if the folder has one, otherwise fail. */
  | 'find'
  /** Fail: the command needs a Redis that workers elsewhere share. */
  | 'refuse';

/** What a command needs of Redis. With `find` it names the batch that it looks for. */
export type RedisNeed = PrivateRedisUse | { readonly find: string };

/** A connection to the fleet and everything a command reaches through it. */
export class FleetSession {
  /** REDIS_URL of local workers. */
  readonly url: string;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly origins: Origins;
  readonly waitlist: Waitlist;
  readonly heldSlices: HeldSlices;
  readonly workers: Workers;
  readonly pausedSlices: PausedSlices;
  readonly removal: BatchRemoval;
  readonly #redis: Redis;
  readonly #privateRedis: PrivateRedis | undefined;
  readonly #keys: FleetKeys;
  readonly #terminal: Context['terminal'];
  readonly #passedOver = new PassedOver();
  readonly #lost = Promise.withResolvers<never>();
  readonly #shardsWatch: ShardsWatch;
  #warnings: readonly string[] = [];
  #reconnectTimer: NodeJS.Timeout | undefined;
  #queue: SliceQueue | undefined;
  #schedules: ScheduleAccess | undefined;

  private constructor(address: FoundRedis, redis: Redis, { fleet, by, terminal }: Opening) {
    this.url = address.url;
    this.#redis = redis;
    this.#privateRedis = address.privateRedis;
    this.#keys = fleetKeys(fleet);
    this.#terminal = terminal;
    this.#shardsWatch = new ShardsWatch(redis, this.#keys);
    const onPassedOver = this.#passedOver.add;
    this.ledger = new Ledger(redis, this.#keys, onPassedOver, by);
    this.outbox = new Outbox(redis, this.#keys, onPassedOver);
    this.origins = new Origins(redis, this.#keys, onPassedOver, by);
    this.waitlist = new Waitlist(redis, this.#keys);
    this.heldSlices = new HeldSlices(redis, this.#keys);
    this.workers = new Workers(redis, this.#keys, onPassedOver);
    this.pausedSlices = new PausedSlices(redis, this.#keys);
    this.removal = new BatchRemoval(redis, this.#keys, onPassedOver);
    this.#lost.promise.catch(() => undefined); // it may reject while nobody waits for it
    redis.on('close', () => this.#startReconnectTimer());
    redis.on('ready', () => this.#stopReconnectTimer());
  }

  /** @throws an error of exit status 3 if no Redis answers within 10 s, of 2 if none is named */
  static async open(context: Context, need: RedisNeed): Promise<FleetSession> {
    const fleet = fleetName(context);
    const shards = shardsWanted(context);
    const address = await findRedis(context, need);
    try {
      const redis = await connectRedis(address.redis, { timeoutMs: REDIS_TIMEOUT_MS });
      const session = new FleetSession(address, redis, {
        fleet,
        by: actorOf(context),
        terminal: context.terminal,
      });
      if (address.privateRedis === undefined) {
        await session.#orDisconnect(session.#check());
      }
      await session.#orDisconnect(readShards(redis, session.#keys, shards));
      session.#shardsWatch.start();
      return session;
    } catch (error) {
      address.privateRedis?.release();
      throw error;
    }
  }

  /** @throws RedisUnfitError if no fleet can work on this Redis */
  async #check(): Promise<void> {
    this.#warnings = await checkRedis({ redis: this.#redis, place: this.place });
  }

  async #orDisconnect(first: Promise<void>): Promise<void> {
    try {
      await withTimeout(first);
    } catch (error) {
      this.#redis.disconnect();
      throw error;
    }
  }

  /**
   * For commands that enqueue a batch: warns of a Redis that may lose it.
   *
   * @throws RedisRefusedError if this user may not write
   */
  async checkBeforeEnqueueing({ terminal }: Pick<Context, 'terminal'>): Promise<void> {
    for (const warning of this.#warnings) {
      terminal.warn(warning);
    }
    const written = checkWrites({ redis: this.#redis, keys: this.#keys, place: this.place });
    await withTimeout(written).catch((error: unknown) => {
      if (isRefusal(error)) {
        throw error;
      }
      // A full Redis, for example, is the business of whoever enqueues.
    });
  }

  /** Whether Redis is the private one of this folder, so that no workers run elsewhere. */
  get isPrivate(): boolean {
    return this.#privateRedis !== undefined;
  }

  /** Rejects when the connection has been lost for 10 s: Redis commands would wait for ever. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  get queue(): SliceQueue {
    this.#queue ??= new SliceQueue(this.#redis, this.#keys);
    return this.#queue;
  }

  get schedules(): ScheduleAccess {
    this.#schedules ??= new ScheduleAccess(this.#redis, this.#keys, this.#passedOver.add);
    return this.#schedules;
  }

  /** The Redis in use, for messages. */
  get place(): string {
    return this.isPrivate ? 'the private Redis of this folder' : redactRedisUrl(this.url);
  }

  /**
   * The time of Redis in epoch milliseconds. Its clock stamps what has happened in the fleet, and
   * the clock of this machine may be wrong.
   *
   * @throws an error of exit status 3 if Redis does not answer within 10 s
   */
  async now(): Promise<number> {
    return withTimeout(timeOf(this.#redis, this.#keys.home.queue('wait')));
  }

  async close(): Promise<void> {
    this.#shardsWatch.stop();
    this.#passedOver.report(this.#terminal);
    const queues = [this.#queue, this.#schedules];
    this.#queue = undefined;
    this.#schedules = undefined;
    try {
      const stopped = Promise.all(queues.map(async (queue) => queue?.stop()));
      await withTimeout(stopped, { timeoutMs: STOP_TIMEOUT_MS });
    } finally {
      this.#redis.removeAllListeners('close');
      this.#stopReconnectTimer();
      this.#redis.disconnect();
      this.#privateRedis?.release();
    }
  }

  /** Each failed attempt to reconnect emits `close` too; the time counts from the first one. */
  #startReconnectTimer(): void {
    this.#reconnectTimer ??= setTimeout(
      () => this.#lost.reject(redisSilent(REDIS_TIMEOUT_MS)),
      REDIS_TIMEOUT_MS,
    );
  }

  #stopReconnectTimer(): void {
    clearTimeout(this.#reconnectTimer);
    this.#reconnectTimer = undefined;
  }
}

/** Who runs this command, for the events of batches and origins. */
function actorOf({ env }: Pick<Context, 'env'>): string {
  const given = env['FETCHFLEET_BY'];
  if (given !== undefined && given !== '') {
    return given.slice(0, MAX_ACTOR);
  }
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return hostname(); // a user without a name, as containers have them
  }
}

interface Opening {
  readonly fleet: string | undefined;
  readonly by: string;
  readonly terminal: Context['terminal'];
}

/** The Redis of a command. */
export interface FoundRedis {
  /** It may hold a password. */
  readonly url: string;
  readonly redis: string | RedisAddress;
  readonly privateRedis?: PrivateRedis;
}

/**
 * Where the Redis of a command is; a private one is started. Nothing is connected.
 *
 * @throws CommandError, RedisUrlError
 */
export async function findRedis({ env, cwd }: Context, need: RedisNeed): Promise<FoundRedis> {
  const url = env['REDIS_URL'];
  if (url !== undefined && url !== '') {
    return { url, redis: parseRedisUrl(url, redisAccess(env)) };
  }
  if (need === 'refuse' || (need !== 'start' && !hasRedisFolder(cwd))) {
    throw redisUnnamed(need);
  }
  const privateRedis = await openPrivateRedis({ projectFolder: cwd, env });
  return { url: privateRedis.url, redis: privateRedis.url, privateRedis };
}

function redisUnnamed(need: RedisNeed): CommandError {
  const wanted = typeof need === 'string' ? '' : `cannot find batch "${need.find}": `;
  const message =
    need === 'refuse'
      ? 'REDIS_URL is not set: the workers that fetch the batch must use the same Redis; ' +
        '`fetchfleet run` needs none'
      : `${wanted}REDIS_URL is not set, and no batch was run in this folder (there is no .fetchfleet/)`;
  return new CommandError(message, { code: 'REDIS_UNNAMED' });
}

/** Opens a session for as long as `work` takes. Rejects if Redis is lost meanwhile. */
export async function withFleet<T>(
  context: Context,
  need: RedisNeed,
  work: (session: FleetSession) => Promise<T>,
): Promise<T> {
  const session = await FleetSession.open(context, need);
  try {
    return await Promise.race([work(session), session.lost]);
  } finally {
    await session.close();
  }
}
