import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { ZodType, z } from 'zod';

/**
 * A Lua script, called by its hash. Where Redis does not know the hash (SCRIPT FLUSH, a restart)
 * the whole script is sent.
 */
export class Script<Reply> {
  readonly #source: Source;
  readonly #reply: ZodType<Reply>;

  /** `reply` is what the script's header says it returns. */
  constructor(source: string, reply: ZodType<Reply>) {
    this.#source = sourceOf(source);
    this.#reply = reply;
  }

  async run(
    redis: Redis,
    keys: readonly string[],
    args: readonly (string | number)[] = [],
  ): Promise<Reply> {
    return this.#reply.parse(await evaluate(redis, this.#source, keys, args));
  }
}

/** A {@link Script} that takes at most one JSON document, ARGV[1], and returns one. */
export class DocumentScript<Document, Reply extends ZodType> {
  readonly #source: Source;
  readonly #reply: Reply;

  constructor(source: string, reply: Reply) {
    this.#source = sourceOf(source);
    this.#reply = reply;
  }

  async run(redis: Redis, keys: readonly string[], document: Document): Promise<z.infer<Reply>> {
    const args = document === undefined ? [] : [JSON.stringify(document)];
    const reply = await evaluate(redis, this.#source, keys, args);
    return this.#reply.parse(JSON.parse(String(reply)));
  }
}

interface Source {
  readonly text: string;
  readonly sha: string;
}

function sourceOf(text: string): Source {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

async function evaluate(
  redis: Redis,
  { text, sha }: Source,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) {
      throw error;
    }
    return redis.eval(text, keys.length, ...keys, ...args);
  }
}
