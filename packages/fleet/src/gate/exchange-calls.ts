import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Script } from '../redis/script.ts';
import { EXCHANGE } from './exchange.lua.ts';
import {
  type ExchangeDocument,
  type ExchangeReply,
  exchangeReply,
  type ReportDocument,
} from './protocol.ts';

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
  readonly report: ReportDocument | undefined;
  readonly resolve: (reply: ExchangeReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Exchanges of many origins that are asked for at the same time go to Redis in one call. On a
 * cluster each origin has a call of its own: a script may use the keys of one slot only, and those
 * of two origins are rarely in the same of 16,384. A server in cluster mode that has all slots is
 * used by a plain client, and found out by its first refusal.
 */
export class ExchangeCalls {
  readonly #redis: Redis;
  /** Origins in one call. */
  #size: number;
  #waiting: Waiting[] = [];

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#size = redis.isCluster ? 1 : MAX_ORIGINS;
  }

  /** @throws GateError if this origin cannot be decided on; the error of Redis otherwise */
  async run(
    keys: readonly string[],
    document: ExchangeDocument,
    report?: ReportDocument,
  ): Promise<ExchangeReply> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ keys, document, report, resolve, reject }) === 1) {
        setImmediate(() => this.#flush());
      }
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < waiting.length; at += this.#size) {
      void this.#call(waiting.slice(at, at + this.#size));
    }
  }

  async #call(some: readonly Waiting[]): Promise<void> {
    try {
      const keys = some.flatMap((one) => one.keys);
      const documents = some.flatMap(({ document, report }) => [
        JSON.stringify(document),
        report === undefined ? '' : JSON.stringify(report),
      ]);
      const replies = await exchange.run(this.#redis, keys, documents);
      const parse = parseOnce();
      for (const [at, one] of some.entries()) {
        settle(one, replies[2 * at] === 1, String(replies[2 * at + 1]), parse);
      }
    } catch (error) {
      if (some.length > 1 && error instanceof Error && error.message.startsWith('CROSSSLOT')) {
        // Nothing was done: Redis refuses such a call before it begins.
        this.#size = 1;
        for (const one of some) {
          void this.#call([one]);
        }
        return;
      }
      for (const { reject } of some) {
        reject(error);
      }
    }
  }
}

type Parse = (text: string) => ExchangeReply;

/** Many origins of a call have the same reply. */
function parseOnce(): Parse {
  const parsed = new Map<string, ExchangeReply>();
  return (text) => {
    const known = parsed.get(text);
    if (known !== undefined) {
      return known;
    }
    const reply = exchangeReply.parse(JSON.parse(text));
    parsed.set(text, reply);
    return reply;
  };
}

function settle({ resolve, reject }: Waiting, isDone: boolean, text: string, parse: Parse): void {
  if (!isDone) {
    reject(new GateError(`the gate has failed: ${text}`));
    return;
  }
  try {
    resolve(parse(text));
  } catch (error) {
    reject(error);
  }
}
