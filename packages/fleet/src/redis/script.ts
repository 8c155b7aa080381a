import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { ZodType } from 'zod';

/** A Lua script that survives SCRIPT FLUSH and a restarted Redis: called by its hash, sent whole where the hash is unknown. */
export class Script<Reply> {
  readonly #source: string;
  readonly #sha: string;
  readonly #reply: ZodType<Reply>;

  /** `reply` is what the script's header says it returns. */
  constructor(source: string, reply: ZodType<Reply>) {
    this.#source = source;
    this.#reply = reply;
    this.#sha = createHash('sha1').update(source).digest('hex');
  }

  async run(
    redis: Redis,
    keys: readonly string[],
    args: readonly (string | number)[] = [],
  ): Promise<Reply> {
    return this.#reply.parse(await this.#call(redis, keys, args));
  }

  async #call(
    redis: Redis,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await redis.evalsha(this.#sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return redis.eval(this.#source, keys.length, ...keys, ...args);
    }
  }
}
