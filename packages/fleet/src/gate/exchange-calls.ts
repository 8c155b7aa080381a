import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Script } from '../redis/script.ts';
import { EXCHANGE } from './exchange.lua.ts';
import { type ExchangeDocument, type ExchangeReply, exchangeReply } from './protocol.ts';

/** For each origin whether it worked, and the reply or the error. */
const exchange = new Script(EXCHANGE, z.array(z.union([z.literal([0, 1]), z.string()])));

/** Origins in one call: bounds for how long Redis does nothing else. */
const MAX_ORIGINS = 50;

/** The gate of one origin could not decide, for example because somebody has changed its keys. */
class GateError extends Error {
  override readonly name = 'GateError';
  readonly code = 'GATE_FAILED';
}

interface Waiting {
  readonly keys: readonly string[];
  readonly document: ExchangeDocument;
  readonly resolve: (reply: ExchangeReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Exchanges of many origins that are asked for at the same time go to Redis in one call. On a
 * cluster each origin has a call of its own: a script may use the keys of one slot only, and those
 * of two origins are rarely in the same of 16,384.
 */
export class ExchangeCalls {
  readonly #redis: Redis;
  #waiting: Waiting[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** @throws GateError if this origin cannot be decided on; the error of Redis otherwise */
  async run(keys: readonly string[], document: ExchangeDocument): Promise<ExchangeReply> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ keys, document, resolve, reject }) === 1) {
        setImmediate(() => this.#flush());
      }
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const size = this.#redis.isCluster ? 1 : MAX_ORIGINS;
    for (let at = 0; at < waiting.length; at += size) {
      void this.#call(waiting.slice(at, at + size));
    }
  }

  async #call(some: readonly Waiting[]): Promise<void> {
    try {
      const keys = some.flatMap((one) => one.keys);
      const documents = some.map(({ document }) => JSON.stringify(document));
      const replies = await exchange.run(this.#redis, keys, documents);
      for (const [at, one] of some.entries()) {
        settle(one, replies[2 * at] === 1, String(replies[2 * at + 1]));
      }
    } catch (error) {
      for (const { reject } of some) {
        reject(error);
      }
    }
  }
}

function settle({ resolve, reject }: Waiting, isDone: boolean, text: string): void {
  if (!isDone) {
    reject(new GateError(`the gate has failed: ${text}`));
    return;
  }
  try {
    resolve(exchangeReply.parse(JSON.parse(text)));
  } catch (error) {
    reject(error);
  }
}
