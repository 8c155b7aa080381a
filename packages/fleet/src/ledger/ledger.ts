import {
  type Crawl,
  isBatchId,
  newBatchId,
  type Outcome,
  OUTCOMES,
  type Plan,
} from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import {
  batchState,
  type BatchState,
  type BatchStatus,
  statusFromFields,
  storedBatch,
} from './batch-status.ts';
import { type FleetKeys, fleetKeys, type ShardKeys } from '../redis/keys.ts';
import { type BatchEvent, parseEvents } from './batch-events.ts';
import * as lua from './ledger.lua.ts';
import { notifyField } from './notify-field.ts';
import { Script } from '../redis/script.ts';
import { idInShard } from '../redis/shard-names.ts';
import { leastLoaded } from './least-loaded.ts';
import { newestFirst, scoredIn } from '../redis/newest-first.ts';
import { type OnPassedOver, passOver, readStored, validIds } from '../redis/stored-state.ts';
import { UnknownBatchError } from './unknown-batch-error.ts';
import { READS_SEVERAL_ORIGINS } from './report-marks.ts';
import { packFields, UNPACKED_FIELDS, unpackFields } from './packed-fields.ts';
import { parseStoredCrawl, parseStoredPlan } from './stored-crawl.ts';

/** Fetches that are cleared in one go: Redis does nothing else meanwhile. */
const UNSETTLE_CHUNK = 5_000;

/** How long a worker's report of a missing secret counts. */
const MISSING_SECRET_MS = 60_000;

/** Characters of two contexts. */
const MAX_TRACE = 111;

const UNFINISHED_STATES: readonly BatchState[] = ['expanding', 'running', 'paused'];

const integer = z.number().int();
const text = z.string().nullish();
const texts = z.array(z.string());

const changing = storedBatch.pick({ state: true, planRevision: true });

const scripts = {
  settle: new Script(lua.SETTLE, z.tuple([integer, integer])),
  register: new Script(lua.REGISTER, integer, { needsRoom: true }),
  expanded: new Script(lua.EXPANDED, integer),
  pause: new Script(lua.PAUSE, integer),
  unpause: new Script(lua.UNPAUSE, integer),
  cancel: new Script(lua.CANCEL, integer),
  replacePlan: new Script(lua.REPLACE_PLAN, integer),
  replaceReceivers: new Script(lua.REPLACE_RECEIVERS, integer),
  reopen: new Script(lua.REOPEN, integer),
  retry: new Script(lua.RETRY, z.tuple([integer, integer])),
  unsettle: new Script(lua.UNSETTLE, z.tuple([integer, integer])),
  open: new Script(lua.OPEN, z.array(text)),
  status: new Script(lua.STATUS, z.tuple([integer, texts, texts, texts, z.string()])),
  reportMissing: new Script(lua.REPORT_MISSING, integer),
  hold: new Script(lua.HOLD, integer),
  pack: new Script(lua.PACK, integer),
  unfinished: new Script(lua.UNFINISHED, texts),
};

/** A fetch whose record is durable, or a page of one. */
export interface Settlement {
  readonly index: number;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly bytes: number;
  /** Set for a page. */
  readonly page?: SettledPage | undefined;
}

/** What is stored with a page that is durable. */
type SettledPage =
  /** Where the chain goes on: the fetch is not settled yet. */
  | { readonly cursor: string }
  /** It was the last one. A fetch that is retried goes on at its cursor, if that is kept. */
  | { readonly keepsCursor: boolean };

export interface BatchRegistration {
  readonly id: string;
  readonly crawl: Crawl;
  readonly total: number;
  readonly sliceSize: number;
  /**
   * Whether few fetches each of several origins may share a slice. They do if every worker of the
   * fleet can read that: see the status. @default false
   */
  readonly mixesOrigins?: boolean;
  /** Path of the crawl file, for people. */
  readonly source: string;
  /** A hash of the crawl file and its lists: equal for equal expansions. */
  readonly fingerprint: string;
  /** The schedule that starts it. */
  readonly schedule?: string | undefined;
  /** The spans that it came from: see {@link Ledger.trace}. */
  readonly trace?: string | undefined;
}

/** The results folder at one place: a path on one machine. Another one may be there later. */
export interface ResultsFolder {
  readonly place: string;
  /** Random, in the marker file of the folder. */
  readonly id: string;
}

/** What a worker needs to start on a batch. */
export interface OpenBatch {
  readonly state: BatchState;
  readonly plan: Plan;
  /** How often the plan was replaced. */
  readonly planRevision: number;
  readonly total: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/**
 * The state and progress of every batch: a hash with counters and state, one bit for each settled
 * fetch, one for each failure.
 *
 *                ┌──────────────── retry, unsettle ──────────────────┐
 *                ▼                                                   │
 *     register ▶ expanding ──expanded──▶ running ──last settle──▶ finished
 *                ▲   │   ▲                │  ▲ └─retry─▶ expanding   ▲
 *                │   │   └────unpause──┐  │  └──unpause──┐           │
 *                │   └──────pause────▶ paused ◀───pause──┘           │
 *                │                     │ ├── last settle, all queued ┘
 *                └──reopen── cancelled ◀─┴── cancel (from expanding and running, too)
 *
 * A paused batch keeps the state it had. Its expansion may end meanwhile: then it returns to
 * running. Every method may be repeated: a bit is counted when it changes, and states only move
 * along these arrows.
 *
 * What it reads of one batch rejects with a StoredStateError if it is not what a fleet stores. What
 * it reads of many passes such batches over.
 */
export class Ledger {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #onPassedOver: OnPassedOver;
  readonly #by: string;

  /** @param by who changes batches, for their events: `ann@host`, or the id of a worker */
  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
    by = '',
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#onPassedOver = onPassedOver;
    this.#by = by;
  }

  /**
   * An id for a new batch, in the shard with the fewest unfinished batches; of several, in the one
   * with the fewest slices in its queue; of several, in any.
   *
   * @param name of its crawl
   */
  async newId(name: string): Promise<string> {
    const { shards } = this.#keys;
    const id = newBatchId(name, new Date(), Math.random);
    return shards.length === 1 ? id : idInShard(id, await leastLoaded(this.#redis, shards));
  }

  /**
   * Adds the batch, in state `expanding`. Registering it again changes nothing.
   *
   * @returns whether it is new
   */
  async register(batch: BatchRegistration): Promise<boolean> {
    const { id, crawl, total, sliceSize, mixesOrigins } = batch;
    const { source, fingerprint, schedule, trace } = batch;
    const receivers = notifyField(crawl, total);
    const fields = {
      name: crawl.plan.name,
      total,
      sliceSize,
      source,
      fingerprint,
      ...(mixesOrigins === true && { mixesOrigins: 1 }),
      ...(schedule !== undefined && { schedule }),
      ...(receivers !== undefined && { notify: receivers }),
      ...(trace !== undefined && { trace }),
    };
    const { batches, unfinished, workers, workersInfo } = this.#keys.shardOf(id);
    const isNew = await scripts.register.run(
      this.#redis,
      [this.#keys.batch(id), batches, unfinished, workers, workersInfo],
      [
        id,
        schedule === undefined ? this.#by : `schedule ${schedule}`,
        READS_SEVERAL_ORIGINS,
        ...Object.entries(fields).flat(),
        'plan',
        JSON.stringify(crawl.plan),
        'crawl',
        crawlField(crawl),
      ],
    );
    return isNew === 1;
  }

  /**
   * The newest batch with this fingerprint that is in one of these states.
   *
   * @default expanding, running or paused
   */
  async findUnfinished(
    fingerprint: string,
    states: readonly BatchState[] = UNFINISHED_STATES,
  ): Promise<string | undefined> {
    return (await this.#unfinished(states, fingerprint))[0];
  }

  /**
   * Takes the lease of the one producer that expands a batch. Call it again to renew the lease.
   *
   * @returns false while another holder has it
   */
  async holdExpansion(id: string, holder: string, ttlMs: number): Promise<boolean> {
    return (await scripts.hold.run(this.#redis, [this.#keys.expansion(id)], [holder, ttlMs])) === 1;
  }

  /** Whether a producer holds the lease. */
  async isExpansionHeld(id: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.expansion(id))) === 1;
  }

  async releaseExpansion(id: string, holder: string): Promise<void> {
    await scripts.hold.run(this.#redis, [this.#keys.expansion(id)], [holder, 0]);
  }

  /**
   * Notes that every slice is queued: the batch runs, or is finished if all fetches are settled.
   *
   * @returns its status, and whether this call has finished it
   */
  async expanded(id: string): Promise<BatchStatus & { readonly isFinishedHere: boolean }> {
    const isFinishedHere = await this.#enter(scripts.expanded, id);
    if (isFinishedHere) {
      await this.#pack(id);
    }
    const status = await this.status(id);
    if (status === undefined) {
      throw new UnknownBatchError(id);
    }
    return { ...status, isFinishedHere };
  }

  /**
   * Records that the records of these fetches are durable. May be repeated.
   *
   * @returns how many were not settled before, and whether this call finished the batch
   * @throws UnknownBatchError when the batch was removed
   */
  async settle(
    id: string,
    settlements: readonly Settlement[],
  ): Promise<{ readonly settled: number; readonly finished: boolean }> {
    // One argument for all numbers: the client spends more on an argument than on its content.
    const rows = settlements.flatMap((settlement) => [
      settlement.index,
      endingOf(settlement),
      settlement.durationMs,
      settlement.bytes,
    ]);
    const [settled, finished] = await scripts.settle.run(
      this.#redis,
      [...this.#bitKeys(id), this.#keys.shardOf(id).totals],
      [JSON.stringify(rows), id, ...OUTCOMES],
    );
    if (settled === -1) {
      throw new UnknownBatchError(id);
    }
    if (finished === 1) {
      await this.#pack(id);
    }
    return { settled, finished: finished === 1 };
  }

  /**
   * What a worker needs of a batch; undefined if it is unknown. The first call sets its start time.
   *
   * @param results path of the worker's results folder; the first one stays
   * @param folder what is there: {@link begunElsewhere} compares it
   */
  async open(
    id: string,
    results = '',
    folder: ResultsFolder = { place: '', id: '' },
  ): Promise<OpenBatch | undefined> {
    return readStored(`batch ${id}`, this.#open(id, results, folder));
  }

  async #open(id: string, results: string, folder: ResultsFolder): Promise<OpenBatch | undefined> {
    const [state, plan, total, createdAt, planRevision, packed] = await scripts.open.run(
      this.#redis,
      [this.#keys.batch(id), this.#keys.shardOf(id).unfinished, this.#keys.packed(id)],
      [results, id, folder.place, folder.id, this.#by],
    );
    const unpacked = unpackFields(packed ?? '');
    const storedPlan = plan ?? unpacked['plan'];
    if (storedPlan === undefined) {
      return undefined;
    }
    const fields = storedBatch.parse({
      state,
      total,
      createdAt: createdAt ?? unpacked['createdAt'],
      planRevision: planRevision ?? unpacked['planRevision'],
    });
    return { ...fields, plan: parseStoredPlan(storedPlan) };
  }

  async state(id: string): Promise<BatchState | undefined> {
    return readStored(`batch ${id}`, this.#state(id));
  }

  /** The states of batches; undefined for those that are unknown or passed over. */
  async states(ids: readonly string[]): Promise<(BatchState | undefined)[]> {
    return Promise.all(
      ids.map(async (id) => passOver(`batch ${id}`, this.#state(id), this.#onPassedOver)),
    );
  }

  async #state(id: string): Promise<BatchState | undefined> {
    const state = await this.#redis.hget(this.#keys.batch(id), 'state');
    return state === null ? undefined : batchState.parse(state);
  }

  /** What may change while a worker has the batch; undefined if it is unknown. */
  async changes(id: string): Promise<Pick<OpenBatch, 'state' | 'planRevision'> | undefined> {
    return readStored(`batch ${id}`, this.#changes(id));
  }

  async #changes(id: string): Promise<Pick<OpenBatch, 'state' | 'planRevision'> | undefined> {
    const key = this.#keys.batch(id);
    const [state, planRevision] = await this.#redis.hmget(key, 'state', 'planRevision');
    return typeof state === 'string'
      ? changing.parse({ state, planRevision: planRevision ?? undefined })
      : undefined;
  }

  /**
   * The contexts (`traceparent`) of the span that enqueued the batch, and of the run of its
   * schedule behind a blank; undefined if it was not traced. Anybody who writes to Redis can have
   * put it there.
   */
  async trace(id: string): Promise<string | undefined> {
    const [stored, packed] = await Promise.all([
      this.#redis.hget(this.#keys.batch(id), 'trace'),
      this.#packed(id),
    ]);
    const trace = stored ?? unpackFields(packed)['trace'];
    return trace !== undefined && trace.length <= MAX_TRACE ? trace : undefined;
  }

  /** Whether every slice is or was queued, also for a paused batch. */
  async isExpanded(id: string): Promise<boolean> {
    const [state, resumeTo] = await this.#redis.hmget(this.#keys.batch(id), 'state', 'resumeTo');
    return ['running', 'finished'].includes((state === 'paused' ? resumeTo : state) ?? '');
  }

  async status(id: string): Promise<BatchStatus | undefined> {
    // The key of anything else is that of another thing.
    return isBatchId(id) ? readStored(`batch ${id}`, this.#status(id)) : undefined;
  }

  /** The statuses of batches, without those that are unknown. */
  async statuses(ids: readonly string[]): Promise<BatchStatus[]> {
    // The client sends commands that are issued together in one pipeline.
    const found = await Promise.all(
      ids.map(async (id) => passOver(`batch ${id}`, this.status(id), this.#onPassedOver)),
    );
    return found.filter((one) => one !== undefined);
  }

  async #status(id: string): Promise<BatchStatus | undefined> {
    const [nowMs, names, values, missingSecrets, packed] = await scripts.status.run(
      this.#redis,
      [this.#keys.batch(id), this.#keys.missingSecrets(id), this.#keys.packed(id)],
      [MISSING_SECRET_MS],
    );
    if (names.length === 0) {
      return undefined;
    }
    const fields = new Map<string, string>(Object.entries(unpackFields(packed)));
    for (const [at, name] of names.entries()) {
      fields.set(name, values[at] ?? '');
    }
    return statusFromFields(id, fields, { nowMs, missingSecrets });
  }

  /** Ids of the results folders that hold records of a batch; they are in their markers. */
  async folders(id: string): Promise<string[]> {
    const [fields, packed] = await readStored(
      `batch ${id}`,
      Promise.all([this.#redis.hgetall(this.#keys.batch(id)), this.#packed(id)]),
    );
    const all = Object.entries({ ...unpackFields(packed), ...fields });
    return [...new Set(all.flatMap(([name, value]) => (name.startsWith('root:') ? [value] : [])))];
  }

  /** Ids of the batches that have not ended, newest first. One round trip, whatever the history. */
  async unfinished(): Promise<string[]> {
    return this.#unfinished(UNFINISHED_STATES);
  }

  /** The unfinished batches with records in another folder that was at the place of this one. */
  async begunElsewhere({ place, id }: ResultsFolder): Promise<string[]> {
    const batches = await this.unfinished();
    // The client sends commands that are issued together in one pipeline.
    const known = await Promise.all(
      batches.map(async (batch) => {
        const root = this.#redis.hget(this.#keys.batch(batch), `root:${place}`);
        return passOver(`batch ${batch}`, root, this.#onPassedOver);
      }),
    );
    return batches.filter((_, at) => typeof known[at] === 'string' && known[at] !== id);
  }

  /** Ids of all batches, or of the newest ones; newest first. */
  async batches(limit = Infinity): Promise<string[]> {
    const last = Number.isFinite(limit) ? limit - 1 : -1;
    const found = await this.#newestFirst(async ({ batches }) =>
      this.#redis.zrevrange(batches, 0, last, 'WITHSCORES'),
    );
    return found.slice(0, limit);
  }

  /** @param read ids of one shard and when they were registered, in turn; newest first */
  async #newestFirst(read: (shard: ShardKeys) => Promise<string[]>): Promise<string[]> {
    const lists = await Promise.all(
      this.#keys.shards.map(async (shard) => {
        const found = await passOver('the list of batches', read(shard), this.#onPassedOver);
        return scoredIn(found ?? []);
      }),
    );
    const names = newestFirst(lists).map(({ name }) => name);
    return validIds(names, { noun: 'a batch id', isId: isBatchId }, this.#onPassedOver);
  }

  /** The crawl as it was registered; undefined for an unknown batch. */
  async crawl(id: string): Promise<Crawl | undefined> {
    return readStored(`batch ${id}`, this.#crawl(id));
  }

  async #crawl(id: string): Promise<Crawl | undefined> {
    const [[storedPlan, storedCrawl], packed] = await Promise.all([
      this.#redis.hmget(this.#keys.batch(id), 'plan', 'crawl'),
      this.#packed(id),
    ]);
    const unpacked = unpackFields(packed);
    const plan = storedPlan ?? unpacked['plan'];
    const crawl = storedCrawl ?? unpacked['crawl'];
    if (typeof plan !== 'string' || typeof crawl !== 'string') {
      return undefined;
    }
    return parseStoredCrawl(plan, crawl);
  }

  /** A snapshot of the fetches that have no record yet. */
  async unsettled(id: string): Promise<(index: number) => boolean> {
    const bits = await this.#redis.getBuffer(this.#keys.settled(id));
    return (index) => {
      const byte = bits?.[index >> 3] ?? 0;
      return (byte & (0x80 >> (index & 7))) === 0;
    };
  }

  /** A snapshot of the fetches that have failed with these outcomes. */
  async failures(
    id: string,
    outcomes: readonly Outcome[],
  ): Promise<(index: number, outcome: Outcome) => boolean> {
    const keys = outcomes.map((outcome) => `${this.#keys.failed(id)}:${outcome}`);
    const bitmaps = await Promise.all(keys.map(async (key) => this.#redis.getBuffer(key)));
    return (index, outcome) => {
      const byte = bitmaps[outcomes.indexOf(outcome)]?.[index >> 3] ?? 0;
      return (byte & (0x80 >> (index & 7))) !== 0;
    };
  }

  /** Whether each of a few fetches is settled, for a slice that was delivered again. */
  async areSettled(id: string, indexes: readonly number[]): Promise<boolean[]> {
    const gets = indexes.flatMap((index) => ['GET', 'u1', index]);
    const bits = await this.#redis.call('BITFIELD', this.#keys.settled(id), ...gets);
    return z
      .array(integer)
      .parse(bits)
      .map((bit) => bit === 1);
  }

  /** Where the pages of a few fetches stand; null for those whose first page is not durable. */
  async cursors(id: string, indexes: readonly number[]): Promise<(string | null)[]> {
    if (indexes.length === 0) {
      return [];
    }
    return readStored(
      `batch ${id}`,
      this.#redis.hmget(this.#keys.pages(id), ...indexes.map(String)),
    );
  }

  /** Cancels the batch. @returns false if it has ended already, or is unknown */
  async cancel(id: string): Promise<boolean> {
    return this.#enter(scripts.cancel, id);
  }

  /**
   * Workers start no fetch of the batch until {@link unpause}.
   *
   * @returns false unless it was expanding or running
   */
  async pause(id: string): Promise<boolean> {
    return this.#enter(scripts.pause, id);
  }

  /** Returns the batch to the state it was paused in. @returns false if it was not paused */
  async unpause(id: string): Promise<boolean> {
    return this.#enter(scripts.unpause, id);
  }

  /**
   * Replaces the plan of a batch that has not ended. Workers follow within a second or so. The
   * fetches must stay the same: only politeness, retry and limits may differ.
   *
   * @returns false if the batch has ended, or no longer has the fingerprint `before`
   */
  async replacePlan(
    id: string,
    plan: Plan,
    fingerprint: { readonly before: string; readonly now: string },
  ): Promise<boolean> {
    const args = [fingerprint.before, fingerprint.now, JSON.stringify(plan)];
    return (await scripts.replacePlan.run(this.#redis, [this.#keys.batch(id)], args)) === 1;
  }

  /** Replaces who is told of a batch that has not ended. */
  async replaceReceivers(id: string, total: number, crawl: Crawl): Promise<void> {
    const args = [notifyField(crawl, total) ?? '', crawlField(crawl)];
    await scripts.replaceReceivers.run(this.#redis, [this.#keys.batch(id)], args);
  }

  /** What has happened to a batch, the oldest first; undefined for an unknown one. */
  async events(id: string): Promise<readonly BatchEvent[] | undefined> {
    return readStored(`batch ${id}`, this.#events(id));
  }

  async #events(id: string): Promise<readonly BatchEvent[] | undefined> {
    const [[state, events], packed] = await Promise.all([
      this.#redis.hmget(this.#keys.batch(id), 'state', 'events'),
      this.#packed(id),
    ]);
    return state === null ? undefined : parseEvents(events ?? unpackFields(packed)['events']);
  }

  /** Lets a cancelled batch be enqueued again. The caller then expands it. */
  async reopen(id: string): Promise<void> {
    await this.#enter(scripts.reopen, id);
  }

  /**
   * Clears failures of a batch that is finished, running or expanding: these fetches are not
   * settled any more. The caller then expands the batch.
   *
   * @param outcomes of the failures. @default all
   * @returns how many were cleared; undefined if the batch is paused, cancelled or unknown
   */
  async retry(id: string, outcomes: readonly Outcome[] = OUTCOMES): Promise<number | undefined> {
    const packed = await this.#packed(id);
    const fields = Object.entries(unpackFields(packed)).flat();
    const failures = outcomes.filter((outcome) => outcome !== 'ok');
    const [isAllowed, cleared] = await scripts.retry.run(
      this.#redis,
      [...this.#bitKeys(id), this.#keys.packed(id)],
      [id, packed, JSON.stringify(fields), this.#by, ...failures],
    );
    if (isAllowed === -1) {
      return this.retry(id, outcomes);
    }
    return isAllowed === 1 ? cleared : undefined;
  }

  /**
   * Clears settled fetches of these indexes, in the states that {@link retry} takes. The caller
   * then expands the batch.
   *
   * @param outcomes only failures with these. @default any fetch: its record is lost
   * @returns how many were cleared; undefined if the batch is paused, cancelled or unknown
   */
  async unsettle(
    id: string,
    indexes: Iterable<number>,
    outcomes?: readonly Outcome[],
  ): Promise<number | undefined> {
    const wanted = outcomes === undefined ? '' : JSON.stringify(outcomes);
    const failures = OUTCOMES.filter((outcome) => outcome !== 'ok');
    const keys = [...this.#bitKeys(id), this.#keys.packed(id)];
    let sum = 0;
    for (const chunk of chunksOf(indexes, UNSETTLE_CHUNK)) {
      let isAllowed = -1;
      let cleared = 0;
      // The batch may be packed or unpacked between the reading and the script.
      while (isAllowed === -1) {
        const packed = await this.#packed(id);
        const fields = Object.entries(unpackFields(packed)).flat();
        const own = [id, packed, JSON.stringify(fields), JSON.stringify(chunk), wanted];
        const args = [...own, this.#by, ...failures];
        [isAllowed, cleared] = await scripts.unsettle.run(this.#redis, keys, args);
      }
      if (isAllowed !== 1) {
        return undefined;
      }
      sum += cleared;
    }
    return sum;
  }

  /** Reports variables that a worker lacks. {@link status} names them for a minute. */
  async reportMissingSecrets(id: string, names: readonly string[]): Promise<void> {
    await scripts.reportMissing.run(
      this.#redis,
      [this.#keys.missingSecrets(id)],
      [MISSING_SECRET_MS, ...names],
    );
  }

  async #enter(script: Script<number>, id: string): Promise<boolean> {
    const keys = [this.#keys.batch(id), this.#keys.shardOf(id).unfinished];
    return (await script.run(this.#redis, keys, [id, this.#by])) === 1;
  }

  /**
   * Packs a batch that has just finished. If that fails, the batch takes more room and loses
   * nothing; what has finished it must not seem to have failed.
   */
  async #pack(id: string): Promise<void> {
    try {
      const fields = await this.#redis.hgetall(this.#keys.batch(id));
      const { retries = '0' } = fields;
      await scripts.pack.run(
        this.#redis,
        [this.#keys.batch(id), this.#keys.packed(id)],
        [packFields(fields), retries, ...UNPACKED_FIELDS],
      );
    } catch {
      // Redis cannot be reached, or is full.
    }
  }

  async #packed(id: string): Promise<string> {
    return (await this.#redis.get(this.#keys.packed(id))) ?? '';
  }

  #bitKeys(id: string): string[] {
    const keys = this.#keys;
    return [keys.batch(id), keys.settled(id), keys.failed(id), keys.shardOf(id).unfinished];
  }

  async #unfinished(states: readonly BatchState[], fingerprint = ''): Promise<string[]> {
    return this.#newestFirst(async ({ batches, unfinished, batchPrefix }) =>
      scripts.unfinished.run(
        this.#redis,
        [batches, unfinished],
        [batchPrefix, fingerprint, ...states],
      ),
    );
  }
}

/** The crawl without its plan, which workers read more often. */
function crawlField({ sources, combine, only, notify }: Crawl): string {
  return JSON.stringify({
    sources,
    combine,
    ...(only !== undefined && { only }),
    ...(notify !== undefined && { notify }),
  });
}

/** What SETTLE takes for a fetch or a page. */
function endingOf({ outcome, page }: Settlement): number | string | readonly [number, 0 | 1] {
  const position = OUTCOMES.indexOf(outcome);
  if (page === undefined) {
    return position;
  }
  return 'cursor' in page ? page.cursor : [position, page.keepsCursor ? 1 : 0];
}

function* chunksOf(indexes: Iterable<number>, size: number): Generator<readonly number[]> {
  let chunk: number[] = [];
  for (const index of indexes) {
    if (chunk.push(index) === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) {
    yield chunk;
  }
}
