import { createHash } from 'node:crypto';
import { type Crawl, NAME_PATTERN } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { notifyField } from '../ledger/notify-field.ts';
import { parseScheduledCrawl } from '../ledger/stored-crawl.ts';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import {
  type Schedule,
  scheduleRun,
  type ScheduleRun,
  type ScheduleSpec,
  scheduleTerms,
  type ScheduleTerms,
} from './schedule.ts';
import { dueTick, type DueTick } from './due-tick.ts';
import * as lua from './schedule.lua.ts';
import { callWhenFull, Script } from '../redis/script.ts';
import { idInShard } from '../redis/shard-names.ts';
import { fixShards } from '../shards/shards.ts';
import {
  type OnPassedOver,
  passOver,
  readStored,
  storedCount,
  storedInstantMs,
  validIds,
} from '../redis/stored-state.ts';

/** Runs kept in the history of a schedule. */
const MAX_RUNS = 50;
/** Bounds the memory; more than there are schedules. */
const MAX_KNOWN_TERMS = 10_000;
/** A decision is tried again if the schedule was changed after it was read. */
const MAX_TRIES = 5;

const integer = z.number().int();
/** What READ and LOOK return of the hash of a schedule. */
const STORED_FIELDS = [
  'name',
  'terms',
  'paused',
  'revision',
  'lastTick',
  'createdAt',
  'changedAt',
  'lastFinish',
  'lastSuccess',
  'runs:started',
  'runs:failed',
  'runs:skipped',
  'runs:missed',
] as const;

/** Of a schedule that is older than what counts its runs. */
const counted = storedCount.nullish().transform((count) => count ?? 0);

const storedFields = z.object({
  name: z.string().regex(NAME_PATTERN),
  terms: z.string(),
  paused: z.string().nullish(),
  revision: storedCount,
  lastTick: storedInstantMs,
  createdAt: storedInstantMs,
  changedAt: storedInstantMs,
  lastFinish: storedInstantMs.nullish(),
  lastSuccess: storedInstantMs.nullish(),
  'runs:started': counted,
  'runs:failed': counted,
  'runs:skipped': counted,
  'runs:missed': counted,
});

const verdict = z.enum(['decided', 'known', 'paused', 'changed', 'gone']);

const readReply = z.tuple([integer, z.array(z.string().nullable()), z.array(z.string())]);

const scripts = {
  put: new Script(
    lua.PUT,
    z.tuple([z.enum(['added', 'changed', 'unchanged']), z.string(), z.string()]),
  ),
  pause: new Script(lua.PAUSE, integer),
  remove: new Script(lua.REMOVE, z.string()),
  read: new Script(lua.READ, readReply),
  look: new Script(lua.LOOK, readReply),
  decide: new Script(lua.DECIDE, z.tuple([verdict, z.string()])),
  advance: new Script(lua.ADVANCE, z.string()),
  conclude: new Script(lua.CONCLUDE, integer),
};

/** What {@link ScheduleStore.put} has done. */
export interface PutResult {
  readonly change: 'added' | 'changed' | 'unchanged';
  readonly before?: ScheduleSpec;
}

/** What a tick or a `run-now` has become. */
export interface Decision extends ScheduleRun {
  /** Missed ticks before it. */
  readonly older: number;
}

/** What the DECIDE script is given. */
interface DecisionRequest extends Omit<DueTick, 'olderAt'>, Pick<ScheduleRun, 'key' | 'kind'> {
  readonly olderAt: number;
  /** The schedule as it was read: the script decides nothing by an older one. */
  readonly revision: number;
  /** The batch of the run, if it becomes one. */
  readonly batch: string;
  readonly overlap: ScheduleTerms['overlap'];
  readonly batchPrefix: string;
  readonly maxRuns: number;
  /** Why ticks were missed, if some were. */
  readonly missedReason: string;
}

export interface ScheduleStoreOptions {
  /** Replaces the time of Redis in tests. @default the time of Redis */
  readonly now?: (redisMs: number) => number;
  readonly onPassedOver?: OnPassedOver;
}

/**
 * Every schedule with its history. Redis decides what a tick becomes, so a tick has one run,
 * however many workers wake up for it and however often.
 */
export class ScheduleStore {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #options: ScheduleStoreOptions;
  /** Checking a pattern takes longer than reading it, and it rarely changes. */
  readonly #terms = new Map<string, { readonly json: string; readonly terms: ScheduleTerms }>();

  constructor(redis: Redis, keys: FleetKeys = fleetKeys(), options: ScheduleStoreOptions = {}) {
    this.#redis = redis;
    this.#keys = keys;
    this.#options = options;
  }

  /**
   * Adds a schedule or changes it. An equal spec changes nothing.
   *
   * @param trace context of the span that does so: see {@link trace}. @default none
   */
  async put(id: string, spec: ScheduleSpec, trace = ''): Promise<PutResult> {
    const { crawl, ...terms } = spec;
    const parts = [JSON.stringify(terms), JSON.stringify(crawl)];
    await fixShards(this.#redis, this.#keys);
    const { schedules } = this.#keys.shardOfSchedule(id);
    const digest = createHash('sha256').update(parts.join('\n')).digest('hex');
    const [change, termsBefore, crawlBefore] = await scripts.put.run(
      this.#redis,
      [this.#keys.schedule(id), schedules, this.#keys.scheduleRuns(id)],
      [
        id,
        crawl.plan.name,
        ...parts,
        digest,
        spec.cron,
        spec.tz,
        notifyField(crawl, Number.MAX_SAFE_INTEGER) ?? '',
        trace,
      ],
    );
    if (termsBefore === '') {
      return { change };
    }
    const before = await passOver(
      `schedule ${id}`,
      parseStoredSpec(termsBefore, crawlBefore),
      this.#onPassedOver,
    );
    return before === undefined ? { change } : { change, before };
  }

  /** The context of the span that added or changed a schedule last; undefined if none did. */
  async trace(id: string): Promise<string | undefined> {
    const stored = this.#redis.hget(this.#keys.schedule(id), 'trace');
    return (await readStored(`schedule ${id}`, stored)) ?? undefined;
  }

  /** Ids in alphabetical order. */
  async ids(): Promise<string[]> {
    const lists = await Promise.all(
      this.#keys.shards.map(async ({ schedules }) => {
        const names = this.#redis.smembers(schedules);
        return (await passOver('the list of schedules', names, this.#onPassedOver)) ?? [];
      }),
    );
    const ids = { noun: 'the id of a schedule', isId: (id: string) => NAME_PATTERN.test(id) };
    return validIds(lists.flat(), ids, this.#onPassedOver).toSorted();
  }

  /** All schedules, in alphabetical order. */
  async all(): Promise<Schedule[]> {
    return this.some(await this.ids());
  }

  /** Those of some schedules that are known and can be read. */
  async some(ids: readonly string[]): Promise<Schedule[]> {
    return this.#each(ids, async (id) => this.get(id));
  }

  /**
   * All schedules, in alphabetical order. Of the runs, which are most of what there is to read,
   * each has only the one that waits for a worker, if there is one.
   */
  async allWithWaitingRun(): Promise<Schedule[]> {
    return this.#each(await this.ids(), async (id) => {
      const keys = [this.#keys.schedule(id), this.#keys.scheduleRuns(id)];
      const { batchPrefix } = this.#keys.shardOfSchedule(id);
      const look = scripts.look.run(this.#redis, keys, [batchPrefix]);
      const known = look.then(async (reply) => this.#known(id, reply));
      return (await readStored(`schedule ${id}`, known))?.schedule;
    });
  }

  async #each<T>(ids: readonly string[], read: (id: string) => Promise<T | undefined>) {
    const found = await Promise.all(
      ids.map(async (id) => passOver(`schedule ${id}`, read(id), this.#onPassedOver)),
    );
    return found.filter((one) => one !== undefined);
  }

  async get(id: string): Promise<Schedule | undefined> {
    return (await readStored(`schedule ${id}`, this.#read(id)))?.schedule;
  }

  /** The crawl of a schedule; undefined for an unknown schedule. */
  async crawl(id: string): Promise<Crawl | undefined> {
    const read = this.#redis.hget(this.#keys.schedule(id), 'crawl');
    const json = await readStored(`schedule ${id}`, read);
    return json === null ? undefined : parseScheduledCrawl(json);
  }

  /** @returns whether that changed anything; undefined for an unknown schedule */
  async setPaused(id: string, isPaused: boolean): Promise<boolean | undefined> {
    const key = this.#keys.schedule(id);
    const changed = await scripts.pause.run(this.#redis, [key], [isPaused ? 1 : 0]);
    return changed === -1 ? undefined : changed === 1;
  }

  /**
   * Removes a schedule with its history. Its batches stay.
   *
   * @returns its crawl; undefined for an unknown schedule
   */
  async remove(id: string): Promise<Crawl | undefined> {
    const crawl = await scripts.remove.run(
      this.#redis,
      [
        this.#keys.schedule(id),
        this.#keys.shardOfSchedule(id).schedules,
        this.#keys.scheduleRuns(id),
        this.#keys.scheduleBatches(id),
      ],
      [id],
    );
    return crawl === '' ? undefined : parseScheduledCrawl(crawl);
  }

  /** Decides about the tick that is due, if there is one. @returns the run that it has become */
  async decideTick(id: string): Promise<Decision | undefined> {
    return this.#decide(id, ({ schedule, nowMs }) => {
      const due = schedule.isPaused ? undefined : dueTick(schedule, nowMs);
      return due === undefined ? undefined : { ...due, key: String(due.at), kind: 'tick' };
    });
  }

  /** Runs a schedule now, even if it is paused. @returns undefined for an unknown schedule */
  async runNow(id: string): Promise<Decision | undefined> {
    return this.#decide(id, ({ nowMs }) => ({
      at: nowMs,
      key: `now-${nowMs}`,
      kind: 'manual',
      verdict: 'run',
      isCaughtUp: false,
      older: 0,
    }));
  }

  /** Starts a queued run if no other run is under way. @returns that run */
  async advance(id: string): Promise<ScheduleRun | undefined> {
    const keys = [this.#keys.schedule(id), this.#keys.scheduleRuns(id)];
    const { batchPrefix } = this.#keys.shardOfSchedule(id);
    const read = scripts.advance.run(this.#redis, keys, [batchPrefix]);
    return readStored(`schedule ${id}`, read.then(parseStoredRun));
  }

  /**
   * Records how a starting run has ended. One whose batch somebody is enqueueing does not fail.
   *
   * @returns false if it was not starting any more, or has started although it was to fail
   */
  async conclude(
    id: string,
    key: string,
    outcome: { readonly state: 'started' | 'failed'; readonly reason?: string },
  ): Promise<boolean> {
    const { unfinished, batchPrefix } = this.#keys.shardOfSchedule(id);
    const keys = [
      this.#keys.scheduleRuns(id),
      this.#keys.schedule(id),
      this.#keys.scheduleBatches(id),
      unfinished,
    ];
    const args = [key, outcome.state, outcome.reason ?? '', id, batchPrefix];
    return (await scripts.conclude.run(this.#redis, keys, args)) === 1;
  }

  /** @returns whether this worker is the one that checks all schedules for the next `ttlMs` */
  async claimCheck(worker: string, ttlMs: number): Promise<boolean> {
    const key = this.#keys.scheduleCheck;
    return (await callWhenFull(this.#redis, 'SET', key, worker, 'PX', ttlMs, 'NX')) === 'OK';
  }

  async #decide(
    id: string,
    choose: (known: Known) => Choice | undefined,
  ): Promise<Decision | undefined> {
    return readStored(`schedule ${id}`, this.#tryToDecide(id, choose));
  }

  async #tryToDecide(
    id: string,
    choose: (known: Known) => Choice | undefined,
  ): Promise<Decision | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const known = await this.#read(id);
      const choice = known === undefined ? undefined : choose(known);
      if (known === undefined || choice === undefined) {
        return undefined;
      }
      const [answer, run] = await scripts.decide.run(
        this.#redis,
        [this.#keys.schedule(id), this.#keys.scheduleRuns(id)],
        [JSON.stringify(this.#requestOf(known.schedule, choice))],
      );
      if (answer === 'changed') {
        continue;
      }
      const decided = parseStoredRun(run);
      return decided === undefined ? undefined : { ...decided, older: choice.older };
    }
    return undefined;
  }

  #requestOf({ id, name, terms, revision }: Schedule, choice: Choice): DecisionRequest {
    const { index, batchPrefix } = this.#keys.shardOfSchedule(id);
    return {
      ...choice,
      olderAt: choice.olderAt ?? choice.at,
      revision,
      batch: idInShard(batchIdOf(id, choice, name), index),
      overlap: terms.overlap,
      batchPrefix,
      maxRuns: MAX_RUNS,
      missedReason: missedReason(choice, terms),
    };
  }

  get #onPassedOver(): OnPassedOver {
    return this.#options.onPassedOver ?? (() => undefined);
  }

  async #readRuns(id: string, texts: readonly string[]): Promise<ScheduleRun[]> {
    const runs = await Promise.all(
      texts.map(async (text) =>
        passOver(`a run of schedule ${id}`, runOf(text), this.#onPassedOver),
      ),
    );
    return runs.filter((run) => run !== undefined);
  }

  #termsOf(id: string, json: string): ScheduleTerms {
    const known = this.#terms.get(id);
    if (known?.json === json) {
      return known.terms;
    }
    const terms = parseStoredTerms(json);
    if (this.#terms.size >= MAX_KNOWN_TERMS) {
      this.#terms.clear();
    }
    this.#terms.set(id, { json, terms });
    return terms;
  }

  async #read(id: string): Promise<Known | undefined> {
    const keys = [this.#keys.schedule(id), this.#keys.scheduleRuns(id)];
    return this.#known(id, await scripts.read.run(this.#redis, keys, []));
  }

  async #known(
    id: string,
    [redisMs, fields, runs]: z.infer<typeof readReply>,
  ): Promise<Known | undefined> {
    if (fields.every((field) => field === null)) {
      return undefined;
    }
    const named = STORED_FIELDS.map((field, at) => [field, fields[at]]);
    const stored = storedFields.parse(Object.fromEntries(named));
    const { name, revision, lastTick, createdAt, changedAt, lastFinish, lastSuccess } = stored;
    const schedule: Schedule = {
      name,
      revision,
      lastTick,
      createdAt,
      changedAt,
      id,
      terms: this.#termsOf(id, stored.terms),
      isPaused: stored.paused === '1',
      runs: await this.#readRuns(id, runs),
      counts: {
        started: stored['runs:started'],
        failed: stored['runs:failed'],
        skipped: stored['runs:skipped'],
        missed: stored['runs:missed'],
      },
      ...(typeof lastFinish === 'number' && { lastFinish }),
      ...(typeof lastSuccess === 'number' && { lastSuccess }),
    };
    return { schedule, nowMs: this.#options.now?.(redisMs) ?? redisMs };
  }
}

type Choice = DueTick & Pick<ScheduleRun, 'key' | 'kind'>;

interface Known {
  readonly schedule: Schedule;
  readonly nowMs: number;
}

/**
 * Equal for the same tick on every worker: `countries-20261123-0600-k3f9x0a1`, the minute in UTC.
 */
function batchIdOf(
  id: string,
  { key, at }: { readonly key: string; readonly at: number },
  name: string,
): string {
  const stamp = new Date(at).toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 13);
  const hash = createHash('sha256').update(`${id}\n${key}`).digest();
  const suffix = hash.readBigUInt64BE().toString(36).padStart(8, '0').slice(-8);
  return `${name}-${stamp}-${suffix}`;
}

function missedReason(
  { isCaughtUp, verdict: what }: DueTick,
  { catchUpMs }: ScheduleTerms,
): string {
  const late = 'no worker was there in time';
  if (what === 'run') {
    return isCaughtUp ? `${late}; only the latest is caught up` : late;
  }
  return catchUpMs === 0
    ? `${late}, and nothing is caught up`
    : `${late}, nor within the catch-up window`;
}

function parseStoredRun(json: string): ScheduleRun | undefined {
  return json === '' ? undefined : scheduleRun.parse(JSON.parse(json));
}

async function runOf(json: string): Promise<ScheduleRun | undefined> {
  return parseStoredRun(json);
}

function parseStoredTerms(json: string): ScheduleTerms {
  return scheduleTerms.parse(JSON.parse(json));
}

async function parseStoredSpec(terms: string, crawl: string): Promise<ScheduleSpec> {
  return { ...parseStoredTerms(terms), crawl: parseScheduledCrawl(crawl) };
}
