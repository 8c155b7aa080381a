import assert from 'node:assert/strict';
import { type Aftermath, type ModelReport, NOTHING, type SimulatedGate } from './model-fleet.ts';
import { type Expected, GateModel, LEASE_US, type ModelLimits } from './model.ts';

/** A worker with fetches in flight exchanges at least this often. */
const RENEW_US = 4_000_000;
const FORGET_MS = 1_800_000;

type Ending =
  | 'ok'
  | 'some-refused'
  | 'refused'
  | 'failed'
  | 'timeout'
  | 'error'
  | 'same-error'
  | 'unsaid';

/** So many different URLs answered with 5xx, and nothing else, are the fault of the origin. */
const MANY_URLS = 100;

/** One exchange of a worker. */
export interface Ask {
  readonly worker: number;
  readonly want: number;
  /** Percentage of its fetches in flight that have ended, and how they ended. */
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
  askedAt: number;
  batches: readonly number[];
}

/**
 * A few workers of one origin. They ask the scripts and the model the same, and compare the
 * answers.
 */
export class Crew {
  readonly #gate: SimulatedGate;
  readonly #model = new GateModel();
  readonly #batches: readonly ModelLimits[];
  readonly #workers: Worker[];
  #dead: { readonly count: number; readonly until: number }[] = [];
  /** The worker that probes a failing origin; of a dead worker, until its lease expires. */
  #probe: { readonly worker: string; readonly until: number } | undefined;
  #before: Readonly<Record<string, string>> = {};
  #names = 0;
  #compared = 0;

  constructor(gate: SimulatedGate, batches: readonly ModelLimits[], size: number) {
    this.#gate = gate;
    this.#batches = batches;
    this.#workers = Array.from({ length: size }, () => this.#newWorker());
  }

  /** Number of compared answers. */
  get compared(): number {
    return this.#compared;
  }

  async wait(us: number): Promise<void> {
    const end = this.#gate.now + us;
    for (;;) {
      const due = this.#workers.filter(({ inFlight }) => inFlight > 0);
      const next = Math.min(end, ...due.map(({ askedAt }) => askedAt + RENEW_US));
      this.#gate.now = Math.max(this.#gate.now, next);
      if (next >= end) {
        return;
      }
      for (const worker of due.filter(({ askedAt }) => askedAt + RENEW_US <= next)) {
        await this.#exchange(worker, { want: 0, lead: 500, crawlDelay: -1 }, NOTHING);
      }
    }
  }

  /** Sets the clock of Redis back. Workers go by their own. */
  setBack(us: number): void {
    this.#gate.now -= us;
    for (const worker of this.#workers) {
      worker.askedAt -= us;
    }
    const { blockedUntil } = this.#before;
    if (blockedUntil !== undefined) {
      this.#before = { ...this.#before, blockedUntil: String(Number(blockedUntil) - us) };
    }
  }

  async ask(ask: Ask): Promise<void> {
    const worker = this.#workers[ask.worker];
    if (worker === undefined) {
      throw new Error('no such worker');
    }
    const ended = Math.floor((worker.inFlight * ask.endedPercent) / 100);
    worker.batches = ask.batches;
    worker.inFlight -= ended;
    await this.#exchange(worker, ask, reportOf(ended, ask));
  }

  /** Ends a worker and its fetches; its lease stays until it expires. */
  die(at: number): void {
    const worker = this.#workers[at];
    if (worker === undefined) {
      throw new Error('no such worker');
    }
    const until = worker.askedAt + LEASE_US;
    this.#dead.push({ count: worker.inFlight, until });
    if (this.#probe?.worker === worker.name) {
      this.#probe = { ...this.#probe, until };
    }
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
    this.#endLeases(now + LEASE_US);
    const batches = worker.batches.flatMap((at) => {
      const limits = this.#batches[at];
      return limits === undefined ? [] : [{ ...limits, batch: `b-${at}` }];
    });
    const { want, lead, crawlDelay } = ask;
    const call = { worker: worker.name, held: worker.inFlight, want, lead, batches };
    const after = await this.#gate.exchange(call, report, crawlDelay);
    const num = (field: string): number => Number(after.hash[field] ?? 0);
    const hasOnlyErrors = num('errorUrls') >= MANY_URLS;
    this.#forgetProbe(worker, report, hasOnlyErrors);
    const expected = this.#model.exchange(call, now, {
      learned: num('learned'),
      window: num('window'),
      crawlDelay: num('crawlDelay'),
      isClosed: num('openUntil') > now || num('blockedUntil') > now,
      isHalfOpen: num('opens') > 0,
      probes: hasOnlyErrors ? Math.min(64, 2 ** (num('opens') - 1)) : 1,
      isProbed: this.#probe !== undefined,
    });
    worker.inFlight += after.granted;
    worker.askedAt = now;
    this.#assertAsInModel(after, expected);
    this.#assertSound(after, want);
    if (after.granted > 0 && after.state === 'probing') {
      this.#probe = { worker: worker.name, until: Infinity };
    }
    this.#before = after.hash;
    this.#compared += 1;
  }

  /** No lease ends later, and those that have ended are gone, also if the clock was set back. */
  #endLeases(latest: number): void {
    const valid = this.#dead.filter(({ until }) => until > this.#gate.now);
    this.#dead = valid.map(({ count, until }) => ({ count, until: Math.min(until, latest) }));
    if (this.#probe !== undefined && this.#probe.until < Infinity) {
      this.#probe = { ...this.#probe, until: Math.min(this.#probe.until, latest) };
    }
  }

  /** A result ends the probe, and so does an end without one. */
  #forgetProbe(
    { name, inFlight }: Worker,
    { ok, refused, failures, errors }: ModelReport,
    hasOnlyErrors: boolean,
  ): void {
    const isOwn = this.#probe?.worker === name;
    const isUp = ok + refused > 0 || (errors > 0 && !hasOnlyErrors);
    const isOver = isUp || (isOwn && (failures + errors > 0 || inFlight === 0));
    if (isOver || (this.#probe?.until ?? 0) <= this.#gate.now) {
      this.#probe = undefined;
    }
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
    const shown = `reply ${JSON.stringify(reply)}`;
    const numbers = Object.entries(reply).filter(([, value]) => typeof value === 'number');
    assert.ok(
      numbers.every(([, value]) => Number.isSafeInteger(value)),
      shown,
    );
    // The first start lies in the past where a part of the burst is left.
    assert.ok(
      numbers.every(([name, value]) => name === 'firstUs' || Number(value) >= 0),
      shown,
    );
    assert.equal(reply.nowMs, `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, '0')}`);
    assert.ok(granted <= want, shown);
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
    // The real clock of Redis goes on meanwhile.
    assert.ok(keptMs > FORGET_MS + (last - now) / 1000 - 10_000, `forgotten in ${keptMs} ms`);
  }

  /** Of living workers, and of dead ones whose leases have not expired. */
  #inFlight(): number {
    const living = this.#workers.reduce((sum, { inFlight }) => sum + inFlight, 0);
    const dead = this.#dead.filter(({ until }) => until > this.#gate.now);
    return dead.reduce((sum, { count }) => sum + count, living);
  }

  #newWorker(): Worker {
    return { name: `w-${this.#names++}`, inFlight: 0, askedAt: 0, batches: [] };
  }
}

function reportOf(ended: number, { ending, durationMs, blockMs }: Ask): ModelReport {
  if (ended === 0) {
    return NOTHING;
  }
  const all = { ...NOTHING, ended, durationMs: durationMs * ended };
  if (ending === 'ok') {
    return { ...all, ok: ended };
  }
  if (ending === 'refused') {
    return { ...all, refused: ended, blockMs };
  }
  if (ending === 'some-refused') {
    return { ...all, ok: ended - 1, refused: 1, blockMs };
  }
  if (ending === 'error') {
    return { ...all, errors: ended, errorUrls: ended };
  }
  if (ending === 'same-error') {
    return { ...all, errors: ended };
  }
  if (ending === 'failed') {
    return { ...all, failures: ended };
  }
  return ending === 'timeout' ? { ...all, failures: ended, timeouts: ended } : all;
}
