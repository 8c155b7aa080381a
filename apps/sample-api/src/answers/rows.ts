import { type Answer, jsonAnswer } from '../http/answer.ts';
import { type Asked, objectOrList } from '../http/asked.ts';

/** Of further keys the first ones are forgotten. */
const MAX_KEYS = 1_000_000;
/** A record of the answer must not hold credentials. */
const SHOWN = /^(?:accept|content-type|content-length|idempotency-key|user-agent|x-.*)$/u;
const CREDENTIALS = ['authorization', 'cookie'];

/**
 * `/rows/{id}`: echoes what was sent, with any method. Counts requests by their `Idempotency-Key`,
 * which `/rows` shows: a row that was sent twice is seen there.
 */
export class Rows {
  readonly #timesByKey = new Map<string, number>();
  #requests = 0;
  #withoutKey = 0;
  #repeated = 0;

  answerTo({ method, path, query, headers, body }: Asked): Answer {
    const times = this.#count(headers['idempotency-key']);
    const shown = Object.entries(headers).filter(([name]) => SHOWN.test(name));
    return jsonAnswer(method === 'POST' ? 201 : 200, {
      method,
      path,
      query: Object.fromEntries(query),
      headers: Object.fromEntries(shown),
      credentials: CREDENTIALS.filter((name) => headers[name] !== undefined),
      body: objectOrList(body) ?? body,
      times,
    });
  }

  counts(): Answer {
    return jsonAnswer(200, {
      requests: this.#requests,
      keys: this.#timesByKey.size,
      repeated: this.#repeated,
      withoutKey: this.#withoutKey,
    });
  }

  /** @returns how often the key has come, this time included */
  #count(key: string | string[] | undefined): number {
    this.#requests += 1;
    if (typeof key !== 'string') {
      this.#withoutKey += 1;
      return 1;
    }
    const times = (this.#timesByKey.get(key) ?? 0) + 1;
    this.#repeated += times > 1 ? 1 : 0;
    this.#timesByKey.set(key, times);
    const [oldest] = this.#timesByKey.keys();
    if (this.#timesByKey.size > MAX_KEYS && oldest !== undefined) {
      this.#timesByKey.delete(oldest);
    }
    return times;
  }
}
