import { type Crawl, isBatchId, type Outcome } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys, type ShardKeys } from '../redis/keys.ts';
import { newestFirst, scoredIn } from '../redis/newest-first.ts';
import { Script } from '../redis/script.ts';
import { type OnPassedOver, passOver, readStored, validIds } from '../redis/stored-state.ts';
import { type BatchEvent, parseEvents } from './batch-events.ts';
import {
  batchState,
  type BatchState,
  type BatchStatus,
  statusFromFields,
  storedBatch,
} from './batch-status.ts';
import { unpackFields } from './packed-fields.ts';
import * as lua from './read.lua.ts';
import { parseStoredCrawl } from './stored-crawl.ts';

/** How long a worker's report of a missing secret counts. */
export const MISSING_SECRET_MS = 60_000;

/** Characters of two contexts. */
const MAX_TRACE = 111;

/** Of batches that go on, at once or when they are resumed. */
export const UNFINISHED_STATES: readonly BatchState[] = ['expanding', 'running', 'paused'];

const integer = z.number().int();
const texts = z.array(z.string());

const changing = storedBatch.pick({ state: true, planRevision: true });

const scripts = {
  status: new Script(lua.STATUS, z.tuple([integer, texts, texts, texts, z.string()])),
  unfinished: new Script(lua.UNFINISHED, texts),
};

/** The results folder at one place: a path on one machine. Another one may be there later. */
export interface ResultsFolder {
  readonly place: string;
  /** Random, in the marker file of the folder. */
  readonly id: string;
}

/** What may change while a worker has the batch. */
export interface BatchChanges {
  readonly state: BatchState;
  /** How often the plan was replaced. */
  readonly planRevision: number;
}

/**
 * Reads what the ledger knows, for those who only look. It changes no batch.
 *
 * What it reads of one batch rejects with a StoredStateError if it is not what a fleet stores. What
 * it reads of many passes such batches over.
 */
export class LedgerReader {
  protected readonly redis: Redis;
  protected readonly keys: FleetKeys;
  readonly #onPassedOver: OnPassedOver;

  constructor(
    redis: Redis,
    keys: FleetKeys = fleetKeys(),
    onPassedOver: OnPassedOver = () => undefined,
  ) {
    this.redis = redis;
    this.keys = keys;
    this.#onPassedOver = onPassedOver;
  }

  async status(id: string): Promise<BatchStatus | undefined> {
    // The key of anything else is that of another thing.
    return isBatchId(id) ? readStored(`batch ${id}`, this.#status(id)) : undefined;
  }

  async #status(id: string): Promise<BatchStatus | undefined> {
    const [nowMs, names, values, missingSecrets, packed] = await scripts.status.run(
      this.redis,
      [this.keys.batch(id), this.keys.missingSecrets(id), this.keys.packed(id)],
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

  /** The statuses of batches, without those that are unknown. */
  async statuses(ids: readonly string[]): Promise<BatchStatus[]> {
    // The client sends commands that are issued together in one pipeline.
    const found = await Promise.all(
      ids.map(async (id) => passOver(`batch ${id}`, this.status(id), this.#onPassedOver)),
    );
    return found.filter((one) => one !== undefined);
  }

  async state(id: string): Promise<BatchState | undefined> {
    return readStored(`batch ${id}`, this.#state(id));
  }

  async #state(id: string): Promise<BatchState | undefined> {
    const state = await this.redis.hget(this.keys.batch(id), 'state');
    return state === null ? undefined : batchState.parse(state);
  }

  /** The states of batches; undefined for those that are unknown or passed over. */
  async states(ids: readonly string[]): Promise<(BatchState | undefined)[]> {
    return Promise.all(
      ids.map(async (id) => passOver(`batch ${id}`, this.#state(id), this.#onPassedOver)),
    );
  }

  /** What may change while a worker has the batch; undefined if it is unknown. */
  async changes(id: string): Promise<BatchChanges | undefined> {
    return readStored(`batch ${id}`, this.#changes(id));
  }

  async #changes(id: string): Promise<BatchChanges | undefined> {
    const key = this.keys.batch(id);
    const [state, planRevision] = await this.redis.hmget(key, 'state', 'planRevision');
    return typeof state === 'string'
      ? changing.parse({ state, planRevision: planRevision ?? undefined })
      : undefined;
  }

  /** Whether every slice is or was queued, also for a paused batch. */
  async isExpanded(id: string): Promise<boolean> {
    const [state, resumeTo] = await this.redis.hmget(this.keys.batch(id), 'state', 'resumeTo');
    return ['running', 'finished'].includes((state === 'paused' ? resumeTo : state) ?? '');
  }

  /** Whether a producer holds the lease. */
  async isExpansionHeld(id: string): Promise<boolean> {
    return (await this.redis.exists(this.keys.expansion(id))) === 1;
  }

  /**
   * The contexts (`traceparent`) of the span that enqueued the batch, and of the run of its
   * schedule behind a blank; undefined if it was not traced. Anybody who writes to Redis can have
   * put it there.
   */
  async trace(id: string): Promise<string | undefined> {
    const [stored, packed] = await Promise.all([
      this.redis.hget(this.keys.batch(id), 'trace'),
      this.packed(id),
    ]);
    const trace = stored ?? unpackFields(packed)['trace'];
    return trace !== undefined && trace.length <= MAX_TRACE ? trace : undefined;
  }

  /** The crawl as it was registered; undefined for an unknown batch. */
  async crawl(id: string): Promise<Crawl | undefined> {
    return readStored(`batch ${id}`, this.#crawl(id));
  }

  async #crawl(id: string): Promise<Crawl | undefined> {
    const [[storedPlan, storedCrawl], packed] = await Promise.all([
      this.redis.hmget(this.keys.batch(id), 'plan', 'crawl'),
      this.packed(id),
    ]);
    const unpacked = unpackFields(packed);
    const plan = storedPlan ?? unpacked['plan'];
    const crawl = storedCrawl ?? unpacked['crawl'];
    if (typeof plan !== 'string' || typeof crawl !== 'string') {
      return undefined;
    }
    return parseStoredCrawl(plan, crawl);
  }

  /** What has happened to a batch, the oldest first; undefined for an unknown one. */
  async events(id: string): Promise<readonly BatchEvent[] | undefined> {
    return readStored(`batch ${id}`, this.#events(id));
  }

  async #events(id: string): Promise<readonly BatchEvent[] | undefined> {
    const [[state, events], packed] = await Promise.all([
      this.redis.hmget(this.keys.batch(id), 'state', 'events'),
      this.packed(id),
    ]);
    return state === null ? undefined : parseEvents(events ?? unpackFields(packed)['events']);
  }

  /** Ids of the results folders that hold records of a batch; they are in their markers. */
  async folders(id: string): Promise<string[]> {
    const [fields, packed] = await readStored(
      `batch ${id}`,
      Promise.all([this.redis.hgetall(this.keys.batch(id)), this.packed(id)]),
    );
    const all = Object.entries({ ...unpackFields(packed), ...fields });
    return [...new Set(all.flatMap(([name, value]) => (name.startsWith('root:') ? [value] : [])))];
  }

  /** Ids of all batches, or of the newest ones; newest first. */
  async batches(limit = Infinity): Promise<string[]> {
    const last = Number.isFinite(limit) ? limit - 1 : -1;
    const found = await this.#newestFirst(async ({ batches }) =>
      this.redis.zrevrange(batches, 0, last, 'WITHSCORES'),
    );
    return found.slice(0, limit);
  }

  /** Ids of the batches that have not ended, newest first. One round trip, whatever the history. */
  async unfinished(): Promise<string[]> {
    return this.#unfinished(UNFINISHED_STATES);
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

  /** The unfinished batches with records in another folder that was at the place of this one. */
  async begunElsewhere({ place, id }: ResultsFolder): Promise<string[]> {
    const batches = await this.unfinished();
    // The client sends commands that are issued together in one pipeline.
    const known = await Promise.all(
      batches.map(async (batch) => {
        const root = this.redis.hget(this.keys.batch(batch), `root:${place}`);
        return passOver(`batch ${batch}`, root, this.#onPassedOver);
      }),
    );
    return batches.filter((_, at) => typeof known[at] === 'string' && known[at] !== id);
  }

  /** A snapshot of the fetches that have no record yet. */
  async unsettled(id: string): Promise<(index: number) => boolean> {
    const bits = await this.redis.getBuffer(this.keys.settled(id));
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
    const keys = outcomes.map((outcome) => `${this.keys.failed(id)}:${outcome}`);
    const bitmaps = await Promise.all(keys.map(async (key) => this.redis.getBuffer(key)));
    return (index, outcome) => {
      const byte = bitmaps[outcomes.indexOf(outcome)]?.[index >> 3] ?? 0;
      return (byte & (0x80 >> (index & 7))) !== 0;
    };
  }

  /** Whether each of a few fetches is settled, for a slice that was delivered again. */
  async areSettled(id: string, indexes: readonly number[]): Promise<boolean[]> {
    const gets = indexes.flatMap((index) => ['GET', 'u1', index]);
    const bits = await this.redis.call('BITFIELD', this.keys.settled(id), ...gets);
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
    return readStored(`batch ${id}`, this.redis.hmget(this.keys.pages(id), ...indexes.map(String)));
  }

  async #unfinished(states: readonly BatchState[], fingerprint = ''): Promise<string[]> {
    return this.#newestFirst(async ({ batches, unfinished, batchPrefix }) =>
      scripts.unfinished.run(
        this.redis,
        [batches, unfinished],
        [batchPrefix, fingerprint, ...states],
      ),
    );
  }

  /** @param read ids of one shard and when they were registered, in turn; newest first */
  async #newestFirst(read: (shard: ShardKeys) => Promise<string[]>): Promise<string[]> {
    const lists = await Promise.all(
      this.keys.shards.map(async (shard) => {
        const found = await passOver('the list of batches', read(shard), this.#onPassedOver);
        return scoredIn(found ?? []);
      }),
    );
    const names = newestFirst(lists).map(({ name }) => name);
    return validIds(names, { noun: 'a batch id', isId: isBatchId }, this.#onPassedOver);
  }

  protected async packed(id: string): Promise<string> {
    return (await this.redis.get(this.keys.packed(id))) ?? '';
  }
}
