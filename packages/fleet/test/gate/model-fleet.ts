import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { DEFER } from '../../src/gate/defer.lua.ts';
import { EXCHANGE } from '../../src/gate/exchange.lua.ts';
import { INSPECT } from '../../src/origins/inspect.lua.ts';
import {
  type DeferDocument,
  deferReply,
  type ExchangeDocument,
  exchangeReply,
  inspectReply,
  type LeaveDocument,
  leaveReply,
  type ReportDocument,
} from '../../src/gate/protocol.ts';
import { LEAVE } from '../../src/gate/waitlist.lua.ts';
import { fleetKeys } from '../../src/index.ts';
import { DocumentScript, Script } from '../../src/redis/script.ts';
import { HORIZON_US, type ModelCall } from './model.ts';

/** Some instant, with a fraction of a second. */
const START_US = 1_800_000_000_250_000;

/** The scripts as they are, except for the clock, which is a key of the test. */
const scripts = {
  exchange: exchangeScript(EXCHANGE),
  wholeExchange: exchangeScript(withoutShortcut(EXCHANGE)),
  defer: new DocumentScript<DeferDocument, typeof deferReply>(withClock(DEFER), deferReply),
  inspect: new DocumentScript<undefined, typeof inspectReply>(withClock(INSPECT), inspectReply),
  leave: new DocumentScript<LeaveDocument, typeof leaveReply>(withClock(LEAVE), leaveReply),
};

function exchangeScript(source: string) {
  return new Script(withClock(source), z.array(z.union([z.literal(1), z.string()])));
}

function withClock(source: string): string {
  return replaceOnce(
    source,
    "redis.call('TIME')",
    "redis.call('HMGET', KEYS[#KEYS], 'seconds', 'micros')",
  );
}

/** No origin counts as free. */
function withoutShortcut(source: string): string {
  return replaceOnce(source, 'exchangeFreely(key, hash, prepared, report)', 'nil');
}

function replaceOnce(source: string, part: string, by: string): string {
  const parts = source.split(part);
  if (parts.length !== 2) {
    throw new Error(`the script does not have exactly once: ${part}`);
  }
  return parts.join(by);
}

/** Ended fetches of a worker. */
export interface ModelReport {
  readonly ended: number;
  readonly ok: number;
  readonly refused: number;
  readonly failures: number;
  readonly errors: number;
  readonly errorUrls: number;
  readonly timeouts: number;
  readonly durationMs: number;
  readonly blockMs: number;
}

export const NOTHING: ModelReport = {
  ended: 0,
  ok: 0,
  refused: 0,
  failures: 0,
  errors: 0,
  errorUrls: 0,
  timeouts: 0,
  durationMs: 0,
  blockMs: 0,
};

/** The state of an origin after an exchange. */
export interface Aftermath {
  readonly reply: z.infer<typeof exchangeReply>;
  readonly granted: number;
  readonly firstUs: number;
  readonly spacingUs: number;
  readonly state: string;
  readonly hash: Readonly<Record<string, string>>;
  readonly keptMs: number;
}

function unlessZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

/** What is 0 is left out, as it is by workers. */
function reportDocument(report: ModelReport): ReportDocument {
  const counts = Object.entries(report).filter(([, value]) => value !== 0);
  return {
    ...Object.fromEntries(counts),
    durationMs: report.durationMs,
    typicalMs: report.durationMs / report.ended,
    ...(report.blockMs > 0 && { blockReason: '429' }),
  };
}

/** What is 0 is left out, as it is by workers. */
function exchangeDocument(call: ModelCall, crawlDelay: number): ExchangeDocument {
  const { worker, held, want, lead, batches, waiting = want, ahead, arrivals } = call;
  return {
    worker,
    inFlight: unlessZero(held),
    want: unlessZero(want),
    waiting: unlessZero(waiting),
    ahead: unlessZero(ahead),
    arrivals,
    horizonUs: HORIZON_US,
    leadUs: unlessZero(lead),
    crawlDelayUs: crawlDelay < 0 ? undefined : crawlDelay,
    batches: batches.map(({ batch, interval, burst, concurrency }) => ({
      batch,
      intervalUs: unlessZero(interval),
      burst,
      concurrency: unlessZero(concurrency),
    })),
  };
}

/** What a worker exchanges at an origin. */
export interface ModelExchange {
  readonly gate: SimulatedGate;
  readonly call: ModelCall;
  readonly report: ModelReport;
  /** µs; negative: not known. */
  readonly crawlDelay: number;
}

/** The scripts of one origin under a clock that the test moves. */
export class SimulatedGate {
  readonly #redis: Redis;
  readonly #keys: readonly [string, string, string, string, string];
  readonly #script: typeof scripts.exchange;
  now = START_US;

  /** @param options.isWhole whether no origin counts as free. @default false */
  constructor(redis: Redis, { isWhole = false }: { readonly isWhole?: boolean } = {}) {
    this.#script = isWhole ? scripts.wholeExchange : scripts.exchange;
    const keys = fleetKeys(`t-${randomBytes(6).toString('hex')}`);
    const origin = 'http://origin.example';
    this.#redis = redis;
    const clock = `${keys.gate(origin)}:clock`;
    const gate = [keys.gate(origin), keys.gateSettings(origin), keys.waitlist(origin)] as const;
    // The clock is the last key of every script.
    this.#keys = [...gate, keys.robots(origin), clock];
  }

  async exchange(call: ModelCall, report = NOTHING, crawlDelay = -1): Promise<Aftermath> {
    const [after] = await SimulatedGate.exchangeAll([{ gate: this, call, report, crawlDelay }]);
    if (after === undefined) {
      throw new Error('the gate has not answered');
    }
    return after;
  }

  /** One call for several origins, by the clock of the first. */
  static async exchangeAll(exchanges: readonly ModelExchange[]): Promise<Aftermath[]> {
    const [first] = exchanges;
    if (first === undefined) {
      return [];
    }
    const keys = exchanges.flatMap(({ gate }) => gate.#keys.slice(0, 3));
    const documents = exchanges.flatMap(({ call, report, crawlDelay }) => [
      JSON.stringify(exchangeDocument(call, crawlDelay)),
      report.ended === 0 ? '' : JSON.stringify(reportDocument(report)),
    ]);
    const { gate: timed } = first;
    const [, replies] = await Promise.all([
      timed.#setClock(),
      timed.#script.run(timed.#redis, [...keys, timed.#keys[4]], documents),
    ]);
    return Promise.all(
      exchanges.map(async ({ gate }, at) => {
        const reply = exchangeReply.parse(JSON.parse(String(replies[2 * at + 1])));
        const { granted = 0, firstUs = 0, spacingUs = 0, state = 'open' } = reply;
        return { reply, granted, firstUs, spacingUs, state, ...(await gate.look()) };
      }),
    );
  }

  async defer(slice: string, fetches: number, ticket = 0): Promise<z.infer<typeof deferReply>> {
    return this.#run(scripts.defer, { slice, fetches, ticket });
  }

  async leave(leaving: LeaveDocument): Promise<void> {
    await this.#run(scripts.leave, leaving);
  }

  async inspect(): Promise<z.infer<typeof inspectReply>> {
    return this.#run(scripts.inspect, undefined);
  }

  /** Sets limits as a person does, in place of those that were set. */
  async set(limits: Readonly<Record<string, number | string>>): Promise<void> {
    await this.#replace(this.#keys[1], limits);
  }

  /** What the fleet knows of its robots.txt. */
  async setRobots(text: string): Promise<void> {
    await this.#redis.set(this.#keys[3], text);
  }

  /** Replaces the state that the scripts keep. */
  async store(fields: Readonly<Record<string, string>>): Promise<void> {
    await this.#replace(this.#keys[0], fields);
  }

  async look(): Promise<Pick<Aftermath, 'hash' | 'keptMs'>> {
    const [hash, keptMs] = await Promise.all([
      this.#redis.hgetall(this.#keys[0]),
      this.#redis.pttl(this.#keys[0]),
    ]);
    return { hash, keptMs };
  }

  /** Its lists, the newest first, and how long they are kept. */
  async history() {
    const { events, rates } = this.historyKeys;
    return {
      events: await this.#redis.lrange(events, 0, -1),
      rates: await this.#redis.lrange(rates, 0, -1),
      keptMs: await this.#redis.pttl(events),
    };
  }

  async clear(): Promise<void> {
    await this.#redis.del(...this.#keys, ...Object.values(this.historyKeys));
  }

  get historyKeys() {
    return { events: `${this.#keys[0]}:events`, rates: `${this.#keys[0]}:rates` };
  }

  async #replace(key: string, fields: Readonly<Record<string, number | string>>): Promise<void> {
    await this.#redis.del(key);
    if (Object.keys(fields).length > 0) {
      await this.#redis.hset(key, fields);
    }
  }

  async #run<Document, Reply extends z.ZodType>(
    script: DocumentScript<Document, Reply>,
    document: Document,
  ): Promise<z.infer<Reply>> {
    const [, reply] = await Promise.all([
      this.#setClock(),
      script.run(this.#redis, this.#keys, document),
    ]);
    return reply;
  }

  async #setClock(): Promise<void> {
    const seconds = Math.floor(this.now / 1e6);
    const clock = { seconds, micros: this.now - seconds * 1e6 };
    await this.#redis.hset(this.#keys[4], clock);
  }
}
