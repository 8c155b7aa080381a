import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type ZodType, z } from 'zod';

/**
 * Lets a script write to a Redis that is full. Redis refuses commands that may take memory, except
 * in a script that has already called a writing command that takes none: here one that does
 * nothing. Redis 7 has a flag for this (`allow-oom`), but 6.2 refuses scripts with flags. A Redis
 * that refuses every write (a replica) refuses this one too, and the script can still read.
 */
export function writingWhenFull(lua: string): string {
  return `if KEYS[1] then redis.pcall('DEL', KEYS[1] .. ':none') end\n${lua}`;
}

interface ScriptOptions {
  /** Whether a full Redis refuses the script, because it begins new work. @default false */
  readonly needsRoom?: boolean;
}

class Source {
  readonly text: string;
  #sha: string | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** Not before it is needed: a program runs few of the scripts that it loads. */
  get sha(): string {
    this.#sha ??= createHash('sha1').update(this.text).digest('hex');
    return this.#sha;
  }
}

/**
 * A Lua script, called by its hash. Where Redis does not know the hash (SCRIPT FLUSH, a restart)
 * the whole script is sent.
 */
export class Script<Reply> {
  readonly #source: Source;
  readonly #reply: ZodType<Reply>;

  /** `reply` is what the script's header says it returns. */
  constructor(source: string, reply: ZodType<Reply>, { needsRoom = false }: ScriptOptions = {}) {
    this.#source = new Source(needsRoom ? source : writingWhenFull(source));
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
    this.#source = new Source(writingWhenFull(source));
    this.#reply = reply;
  }

  async run(redis: Redis, keys: readonly string[], document: Document): Promise<z.infer<Reply>> {
    const args = document === undefined ? [] : [JSON.stringify(document)];
    const reply = await evaluate(redis, this.#source, keys, args);
    return this.#reply.parse(JSON.parse(String(reply)));
  }
}

const ONE_COMMAND = new Script(
  `return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))`,
  z.union([z.string(), z.number(), z.null()]),
);

/** Runs one command on one key, which a full Redis would refuse outside of a script. */
export async function callWhenFull(
  redis: Redis,
  command: string,
  key: string,
  ...args: readonly (string | number)[]
): Promise<string | number | null> {
  return ONE_COMMAND.run(redis, [key], [command, ...args]);
}

/**
 * Scripts build the names of some keys themselves. While the slot of a cluster moves, a script that
 * comes to such a key, and it is not here, would end there: half of its writes done. A key that
 * nobody has makes Redis refuse the script before it begins, and the client sends it again until
 * the slot has moved.
 */
function keysOf(redis: Redis, keys: readonly string[]): readonly string[] {
  return redis.isCluster ? [...keys, `${keys[0]}:none`] : keys;
}

async function evaluate(
  redis: Redis,
  source: Source,
  named: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  const keys = keysOf(redis, named);
  try {
    return await redis.evalsha(source.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) {
      throw error;
    }
    return redis.eval(source.text, keys.length, ...keys, ...args);
  }
}
