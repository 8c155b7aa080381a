import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { EXCHANGE } from '../../src/gate/exchange.lua.ts';
import { DEFER } from '../../src/gate/defer.lua.ts';
import { fleetKeys } from '../../src/index.ts';
import { Script } from '../../src/redis/script.ts';
import { HORIZON_US, LEASE_US, type ModelCall } from './model.ts';

const FORGET_MS = 1_800_000;
/** Some instant, with a fraction of a second. */
const START_US = 1_800_000_000_250_000;

/** The scripts as they are, but for the clock: it is a key of the test. */
const scripts = {
  exchange: new Script(withClock(EXCHANGE), z.array(z.unknown())),
  defer: new Script(withClock(DEFER), z.array(z.unknown())),
};

function withClock(source: string): string {
  const parts = source.split("redis.call('TIME')");
  if (parts.length !== 2) throw new Error('the script does not read the time once');
  return parts.join("redis.call('HMGET', KEYS[4], 'seconds', 'micros')");
}

/** What ended of a worker's fetches. */
export interface ModelReport {
  readonly ended: number;
  readonly ok: number;
  readonly refused: number;
  readonly failures: number;
  readonly timeouts: number;
  readonly durationMs: number;
  readonly blockMs: number;
}

export const NOTHING: ModelReport = {
  ended: 0,
  ok: 0,
  refused: 0,
  failures: 0,
  timeouts: 0,
  durationMs: 0,
  blockMs: 0,
};

/** What an exchange left behind. */
export interface Aftermath {
  /** All numbers of the reply, in the order of the script's header. */
  readonly numbers: readonly unknown[];
  readonly granted: number;
  readonly firstUs: number;
  readonly spacingUs: number;
  readonly state: number;
  readonly hash: Readonly<Record<string, string>>;
  readonly keptMs: number;
}

/** The scripts of one origin under a clock that the test moves. */
export class SimulatedGate {
  readonly #redis: Redis;
  readonly #keys: readonly [string, string, string, string];
  now = START_US;

  constructor(redis: Redis) {
    const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
    const origin = 'http://origin.example';
    this.#redis = redis;
    const line = `${keys.gate(origin)}:line`;
    const clock = `${keys.gate(origin)}:clock`;
    this.#keys = [keys.gate(origin), keys.gateSettings(origin), line, clock];
  }

  async exchange(call: ModelCall, report = NOTHING, crawlDelay = -1): Promise<Aftermath> {
    const { worker, held, want, lead, batches } = call;
    const { ended, durationMs, ok, refused, blockMs, failures, timeouts } = report;
    const asked = [worker, held, want, 0, HORIZON_US, LEASE_US, FORGET_MS];
    const told = [ended, durationMs, ok, refused, blockMs, '429', failures, timeouts, crawlDelay];
    const limits = batches.flatMap((b) => [b.batch, b.interval, b.burst, b.concurrency]);
    const more = [lead, want, ended === 0 ? 0 : durationMs / ended, 0];
    const reply = await this.#run(scripts.exchange, [...asked, ...told, ...more, ...limits]);
    const { hash, keptMs } = await this.look();
    const numbers = reply.slice(0, 13);
    const [granted, firstUs, spacingUs, , state] = numbers.map(Number);
    if (granted === undefined || firstUs === undefined) throw new Error('a reply without numbers');
    return {
      numbers,
      granted,
      firstUs,
      spacingUs: spacingUs ?? 0,
      state: state ?? 0,
      hash,
      keptMs,
    };
  }

  /** @returns ticket, due in ms */
  async defer(slice: string, count: number, ticket = 0): Promise<readonly [number, number]> {
    const reply = await this.#run(scripts.defer, [count, ticket, FORGET_MS, slice, 0]);
    return [Number(reply[0]), Number(reply[1])];
  }

  async set(limits: Readonly<Record<string, number>>): Promise<void> {
    await this.#redis.del(this.#keys[1]);
    if (Object.keys(limits).length > 0) await this.#redis.hset(this.#keys[1], limits);
  }

  async look(): Promise<Pick<Aftermath, 'hash' | 'keptMs'>> {
    const [hash, keptMs] = await Promise.all([
      this.#redis.hgetall(this.#keys[0]),
      this.#redis.pttl(this.#keys[0]),
    ]);
    return { hash, keptMs };
  }

  async clear(): Promise<void> {
    await this.#redis.del(...this.#keys);
  }

  async #run(script: Script<unknown[]>, args: readonly (string | number)[]): Promise<unknown[]> {
    const seconds = Math.floor(this.now / 1e6);
    const clock = { seconds, micros: this.now - seconds * 1e6 };
    const [, reply] = await Promise.all([
      this.#redis.hset(this.#keys[3], clock),
      script.run(this.#redis, this.#keys, args),
    ]);
    return reply;
  }
}
