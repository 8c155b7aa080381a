import { connectRedis, Ledger, parseRedisUrl, redactRedisUrl, SliceQueue } from '@fetchfleet/fleet';
import { stopAll } from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { type EmbeddedRedis, openEmbeddedRedis } from './embedded-redis.ts';
import { EXIT } from './exit-codes.ts';
import { hasRedisFolder } from './redis-folder.ts';

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
  readonly isEmbedded: boolean;
  readonly #redis: Redis;
  readonly #embedded: EmbeddedRedis | undefined;
  #queue: SliceQueue | undefined;

  private constructor(url: string, redis: Redis, embedded: EmbeddedRedis | undefined) {
    this.url = url;
    this.#redis = redis;
    this.#embedded = embedded;
    this.isEmbedded = embedded !== undefined;
    this.ledger = new Ledger(redis);
  }

  /** @throws an error of exit status 3 when no Redis answers within 10 s, of 2 when none is named */
  static async open(context: Context, withoutUrl: WithoutUrl): Promise<FleetSession> {
    const url = context.env['REDIS_URL'];
    if (url !== undefined && url !== '') {
      parseRedisUrl(url);
      return new FleetSession(url, await connectRedis(url), undefined);
    }
    if (withoutUrl === 'refuse' || (withoutUrl === 'find' && !hasRedisFolder(context.cwd))) {
      throw noRedis(withoutUrl);
    }
    const { cwd: projectFolder, env } = context;
    const embedded = await openEmbeddedRedis({ projectFolder, env });
    try {
      return new FleetSession(embedded.url, await connectRedis(embedded.url), embedded);
    } catch (error) {
      embedded.release();
      throw error;
    }
  }

  get queue(): SliceQueue {
    this.#queue ??= new SliceQueue(this.#redis);
    return this.#queue;
  }

  /** Where Redis is, in words for people. */
  get place(): string {
    return this.isEmbedded ? 'the private Redis of this folder' : redactRedisUrl(this.url);
  }

  async close(): Promise<void> {
    const queue = this.#queue;
    this.#queue = undefined;
    try {
      await stopAll(queue === undefined ? [] : [queue]);
    } finally {
      this.#redis.disconnect();
      this.#embedded?.release();
    }
  }
}

function noRedis(withoutUrl: WithoutUrl): CommandError {
  const message =
    withoutUrl === 'refuse'
      ? 'REDIS_URL is not set: `start` hands a batch to workers elsewhere, and they must share a Redis with it; `run` needs none'
      : 'REDIS_URL is not set, and no batch has been run in this folder (there is no .fetchfleet/)';
  return new CommandError(message, { code: 'REDIS_UNNAMED', exitCode: EXIT.badInput });
}
