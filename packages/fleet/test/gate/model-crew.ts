import assert from 'node:assert/strict';
import { type Aftermath, type ModelReport, NOTHING, type SimulatedGate } from './model-fleet.ts';
import { type Expected, GateModel, LEASE_US, type ModelLimits } from './model.ts';

/** Whoever has fetches in flight tells so at least this often. */
const RENEW_US = 4_000_000;
const FORGET_MS = 1_800_000;

type Ending = 'ok' | 'some-refused' | 'refused' | 'failed' | 'timeout' | 'unsaid';

/** A worker asks, and tells what has ended. */
export interface Ask {
  readonly worker: number;
  readonly want: number;
  /** Of its fetches in flight: how many have ended, in percent, and how. */
  readonly endedPercent: number;
  readonly ending: Ending;
  readonly durationMs: number;
  readonly blockMs: number;
  readonly lead: number;
  readonly crawlDelay: number;
  readonly batches: readonly number[];
}

interface Worker {
  readonly name: string;
  inFlight: number;
  toldAt: number;
  batches: readonly number[];
}

/** A few workers of one origin, who ask the real scripts and the model the same, and hold one against the other. */
export class Crew {
  readonly #gate: SimulatedGate;
  readonly #model = new GateModel();
  readonly #batches: readonly ModelLimits[];
  readonly #workers: Worker[];
  readonly #dead: { readonly count: number; readonly until: number }[] = [];
  /** Who tries a failing origin just now, and until when that is believed of one who died. */
  #probe: { readonly worker: string; readonly until: number } | undefined;
  #before: Readonly<Record<string, string>> = {};
  #names = 0;
  #compared = 0;

  constructor(gate: SimulatedGate, batches: readonly ModelLimits[], size: number) {
    this.#gate = gate;
    this.#batches = batches;
    this.#workers = Array.from({ length: size }, () => this.#newWorker());
  }

  /** Answers that were held against the model. */
  get compared(): number {
    return this.#compared;
  }

  async wait(us: number): Promise<void> {
    const end = this.#gate.now + us;
    for (;;) {
      const due = this.#workers.filter(({ inFlight }) => inFlight > 0);
      const next = Math.min(end, ...due.map(({ toldAt }) => toldAt + RENEW_US));
      this.#gate.now = Math.max(this.#gate.now, next);
      if (next >= end) return;
      for (const worker of due.filter(({ toldAt }) => toldAt + RENEW_US <= next)) {
        await this.#exchange(worker, { want: 0, lead: 500, crawlDelay: -1 }, NOTHING);
      }
    }
  }

  async ask(ask: Ask): Promise<void> {
    const worker = this.#workers[ask.worker];
    if (worker === undefined) throw new Error('no such worker');
    const ended = Math.floor((worker.inFlight * ask.endedPercent) / 100);
    worker.batches = ask.batches;
    worker.inFlight -= ended;
    await this.#exchange(worker, ask, reportOf(ended, ask));
  }

  /** Its fetches end with it; what it holds in the gate stays until the lease is over. */
  die(at: number): void {
    const worker = this.#workers[at];
    if (worker === undefined) throw new Error('no such worker');
    const until = worker.toldAt + LEASE_US;
    this.#dead.push({ count: worker.inFlight, until });
    if (this.#probe?.worker === worker.name) this.#probe = { ...this.#probe, until };
    this.#workers[at] = this.#newWorker();
  }

  async set(limits: Partial<ModelLimits>): Promise<void> {
    this.#model.settings = limits;
    await this.#gate.set(limits);
  }

  async #exchange(
    worker: Worker,
    ask: Pick<Ask, 'want' | 'lead' | 'crawlDelay'>,
    report: ModelReport,
  ): Promise<void> {
    const { now } = this.#gate;
    const batches = worker.batches.flatMap((at) => {
      const limits = this.#batches[at];
      return limits === undefined ? [] : [{ ...limits, batch: `b-${at}` }];
    });
    const { want, lead, crawlDelay } = ask;
    const call = { worker: worker.name, held: worker.inFlight, want, lead, batches };
    const after = await this.#gate.exchange(call, report, crawlDelay);
    this.#forgetProbe(worker, report);
    const num = (field: string): number => Number(after.hash[field] ?? 0);
    const expected = this.#model.exchange(call, now, {
      learned: num('learned'),
      window: num('window'),
      crawlDelay: num('crawlDelay'),
      isClosed: num('openUntil') > now || num('blockedUntil') > now,
      isHalfOpen: num('opens') > 0,
      isProbed: this.#probe !== undefined,
    });
    worker.inFlight += after.granted;
    worker.toldAt = now;
    this.#assertAsInModel(after, expected);
    this.#assertSound(after, want);
    if (after.granted > 0 && after.state === 'probing') {
      this.#probe = { worker: worker.name, until: Infinity };
    }
    this.#before = after.hash;
    this.#compared += 1;
  }

  /** A result ends the trial, and so does its end without one. */
  #forgetProbe({ name, inFlight }: Worker, { ok, refused, failures }: ModelReport): void {
    const isOwn = this.#probe?.worker === name;
    const isOver = ok + refused > 0 || (isOwn && (failures > 0 || inFlight === 0));
    if (isOver || (this.#probe?.until ?? 0) <= this.#gate.now) this.#probe = undefined;
  }

  #assertAsInModel({ granted, hash }: Aftermath, expected: Expected): void {
    assert.equal(granted, expected.granted, 'granted');
    const drift = Number(hash['tat'] ?? expected.tat) - expected.tat;
    assert.ok(Math.abs(drift) < 1, `the next slot is off by ${drift} µs`);
    const { concurrency } = expected.limits;
    const inFlight = this.#inFlight();
    const isWithin = granted === 0 || concurrency === 0 || inFlight <= concurrency;
    assert.ok(isWithin, `${inFlight} in flight where ${concurrency} are allowed`);
  }

  #assertSound({ reply, granted, state, hash, keptMs }: Aftermath, want: number): void {
    const { now } = this.#gate;
    const num = (field: string, none = 0): number => Number(hash[field] ?? none);
    const blockedBefore = Number(this.#before['blockedUntil'] ?? 0);
    const told = `reply ${JSON.stringify(reply)}`;
    const numbers = Object.entries(reply).filter(([, value]) => typeof value === 'number');
    assert.ok(
      numbers.every(([, value]) => Number.isSafeInteger(value)),
      told,
    );
    // The first start lies in the past where a part of the burst is left.
    assert.ok(
      numbers.every(([name, value]) => name === 'firstUs' || Number(value) >= 0),
      told,
    );
    assert.equal(reply.nowMs, `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, '0')}`);
    assert.ok(granted <= want, told);
    const odd = Object.entries(hash).filter(([, value]) => /nan|inf/i.test(value));
    assert.deepEqual(odd, []);
    assert.ok(
      blockedBefore <= now || num('blockedUntil') >= blockedBefore,
      'a block became shorter',
    );
    const isClosed = num('blockedUntil') > now || num('openUntil') > now;
    assert.ok(
      !isClosed || (granted === 0 && ['blocked', 'breaker'].includes(state)),
      'granted while closed',
    );
    assert.ok(num('learned', 1) >= 0.1 && num('window', 1) >= 1, 'learned too little');
    const last = Math.max(now, num('blockedUntil'), num('openUntil'), num('tat'));
    // Redis' own clock goes on meanwhile.
    assert.ok(keptMs > FORGET_MS + (last - now) / 1000 - 10_000, `forgotten in ${keptMs} ms`);
  }

  /** Of the living, and of the dead whose leases have not ended. */
  #inFlight(): number {
    const living = this.#workers.reduce((sum, { inFlight }) => sum + inFlight, 0);
    const dead = this.#dead.filter(({ until }) => until > this.#gate.now);
    return dead.reduce((sum, { count }) => sum + count, living);
  }

  #newWorker(): Worker {
    return { name: `w-${this.#names++}`, inFlight: 0, toldAt: 0, batches: [] };
  }
}

function reportOf(ended: number, { ending, durationMs, blockMs }: Ask): ModelReport {
  if (ended === 0) return NOTHING;
  const all = { ...NOTHING, ended, durationMs: durationMs * ended };
  if (ending === 'ok') return { ...all, ok: ended };
  if (ending === 'refused') return { ...all, refused: ended, blockMs };
  if (ending === 'some-refused') return { ...all, ok: ended - 1, refused: 1, blockMs };
  if (ending === 'failed') return { ...all, failures: ended };
  return ending === 'timeout' ? { ...all, failures: ended, timeouts: ended } : all;
}
