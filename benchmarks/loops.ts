import { Agent as HttpAgent } from 'node:http';
import got from 'got';
import { Agent, request } from 'undici';
import type { Contender, Sample } from './contest.ts';
import { urlAt } from './origin.ts';

/** Fetches one URL and reads its body; nothing is kept. */
type FetchOne = (url: string) => Promise<void>;

/** Loops without a queue, a record or a second try: what the workers are compared with. */
export class Loops {
  readonly #origin: string;
  readonly #httpAgent = new HttpAgent({ keepAlive: true });
  readonly #undiciAgent = new Agent({ pipelining: 1 });

  constructor(origin: string) {
    this.#origin = origin;
  }

  sequential(fetches: number): Contender {
    return this.#contender('one after the other (got)', { fetches, inFlight: 1, one: this.#got });
  }

  got(fetches: number, inFlight: number): Contender {
    return this.#contender('got, Promise.all', { fetches, inFlight, one: this.#got });
  }

  undici(fetches: number, inFlight: number): Contender {
    const one = this.#undici;
    return this.#contender('undici.request, Promise.all', { fetches, inFlight, one });
  }

  async stop(): Promise<void> {
    this.#httpAgent.destroy();
    await this.#undiciAgent.close();
  }

  readonly #got: FetchOne = async (url) => {
    await got(url, { agent: { http: this.#httpAgent }, retry: { limit: 0 } }).text();
  };

  readonly #undici: FetchOne = async (url) => {
    const { statusCode, body } = await request(url, { dispatcher: this.#undiciAgent });
    await body.text();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
  };

  #contender(
    name: string,
    loop: { readonly fetches: number; readonly inFlight: number; readonly one: FetchOne },
  ): Contender {
    const run = async (fetches: number): Promise<Sample> => {
      const cpu = process.cpuUsage();
      const startedAt = performance.now();
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < fetches) await loop.one(urlAt(this.#origin, next++));
      };
      await Promise.all(Array.from({ length: loop.inFlight }, lane));
      const seconds = (performance.now() - startedAt) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      return { fetches, seconds, cpuMicros: (user + system) / fetches };
    };
    return { name, fetches: loop.fetches, run };
  }
}
