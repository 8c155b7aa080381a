import { createHash } from 'node:crypto';
import type { Crawl } from '@fetchfleet/crawl';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type FleetKeys, fleetKeys } from '../redis/keys.ts';
import {
  type Schedule,
  scheduleRun,
  type ScheduleRun,
  type ScheduleSpec,
  type ScheduleTerms,
} from './schedule.ts';
import { dueTick, type DueTick } from './due-tick.ts';
import * as lua from './schedule.lua.ts';
import { Script } from '../redis/script.ts';

/** Runs that a schedule remembers. */
const MAX_RUNS = 50;
/** Somebody changed the schedule between the reading and the decision. */
const MAX_TRIES = 5;

const integer = z.number().int();
const verdict = z.enum(['decided', 'known', 'paused', 'changed', 'gone']);

const scripts = {
  put: new Script(
    lua.PUT,
    z.tuple([z.enum(['added', 'changed', 'unchanged']), z.string(), z.string()]),
  ),
  pause: new Script(lua.PAUSE, integer),
  remove: new Script(lua.REMOVE, z.string()),
  read: new Script(
    lua.READ,
    z.tuple([integer, z.array(z.string().nullable()), z.array(z.string())]),
  ),
  decide: new Script(lua.DECIDE, z.tuple([verdict, z.string()])),
  advance: new Script(lua.ADVANCE, z.string()),
  conclude: new Script(lua.CONCLUDE, integer),
};

/** What {@link ScheduleStore.put} did. */
export interface PutResult {
  readonly change: 'added' | 'changed' | 'unchanged';
  readonly before?: ScheduleSpec;
}

/** What became of a tick or of a `run-now`. */
export interface Decision extends ScheduleRun {
  /** Ticks before it that were missed. */
  readonly older: number;
}

/**
 * What is known of every schedule, and the one place that decides what becomes of a tick: whoever wakes up for it, and however
 * often, it has one run.
 */
export class ScheduleStore {
  readonly #redis: Redis;
  readonly #keys: FleetKeys;
  readonly #now: ((redisMs: number) => number) | undefined;

  /** @param now the clock, given that of Redis, for tests. @default that of Redis */
  constructor(redis: Redis, keys: FleetKeys = fleetKeys(), now?: (redisMs: number) => number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#now = now;
  }

  /** Adds a schedule or changes it; the same again changes nothing. */
  async put(id: string, spec: ScheduleSpec): Promise<PutResult> {
    const { crawl, ...terms } = spec;
    const parts = [JSON.stringify(terms), JSON.stringify(crawl)];
    const digest = createHash('sha256').update(parts.join('\n')).digest('hex');
    const [change, termsBefore, crawlBefore] = await scripts.put.run(
      this.#redis,
      [this.#keys.schedule(id), this.#keys.schedules, this.#keys.scheduleRuns(id)],
      [id, crawl.plan.name, ...parts, digest, spec.cron, spec.tz],
    );
    if (termsBefore === '') return { change };
    const before = { ...storedTerms(termsBefore), crawl: storedCrawlFile(crawlBefore) };
    return { change, before };
  }

  /** Ids in alphabetical order. */
  async ids(): Promise<string[]> {
    return (await this.#redis.smembers(this.#keys.schedules)).toSorted();
  }

  async get(id: string): Promise<Schedule | undefined> {
    return (await this.#read(id))?.schedule;
  }

  /** What it fetches; undefined for an unknown schedule. */
  async crawl(id: string): Promise<Crawl | undefined> {
    const json = await this.#redis.hget(this.#keys.schedule(id), 'crawl');
    return json === null ? undefined : storedCrawlFile(json);
  }

  /** @returns whether that changed anything; undefined for an unknown schedule */
  async setPaused(id: string, isPaused: boolean): Promise<boolean | undefined> {
    const key = this.#keys.schedule(id);
    const changed = await scripts.pause.run(this.#redis, [key], [isPaused ? 1 : 0]);
    return changed === -1 ? undefined : changed === 1;
  }

  /** History and all; batches stay. @returns what it fetched, undefined for an unknown schedule */
  async remove(id: string): Promise<Crawl | undefined> {
    const crawl = await scripts.remove.run(
      this.#redis,
      [this.#keys.schedule(id), this.#keys.schedules, this.#keys.scheduleRuns(id)],
      [id],
    );
    return crawl === '' ? undefined : storedCrawlFile(crawl);
  }

  /** Decides about the tick that is due, if one is. @returns the run it became */
  async decideTick(id: string): Promise<Decision | undefined> {
    return this.#decide(id, ({ schedule, nowMs }) => {
      const due = schedule.isPaused ? undefined : dueTick(schedule, nowMs);
      return due === undefined ? undefined : { ...due, key: String(due.at), kind: 'tick' };
    });
  }

  /** A run at once, also of a schedule that is paused. @returns undefined for an unknown schedule */
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

  /** Lets a queued run start if nothing is in its way any more. @returns that run */
  async advance(id: string): Promise<ScheduleRun | undefined> {
    const keys = [this.#keys.schedule(id), this.#keys.scheduleRuns(id)];
    return storedRun(await scripts.advance.run(this.#redis, keys, [this.#keys.batch('')]));
  }

  /** How a run that was starting has ended. @returns false if it was not starting any more */
  async conclude(
    id: string,
    key: string,
    outcome: { readonly state: 'started' | 'failed'; readonly reason?: string },
  ): Promise<boolean> {
    const args = [key, outcome.state, outcome.reason ?? ''];
    return (await scripts.conclude.run(this.#redis, [this.#keys.scheduleRuns(id)], args)) === 1;
  }

  /** Whether the caller is the one who looks after all schedules for the next moment. */
  async claimCheck(worker: string, ttlMs: number): Promise<boolean> {
    return (await this.#redis.set(this.#keys.scheduleCheck, worker, 'PX', ttlMs, 'NX')) === 'OK';
  }

  async #decide(
    id: string,
    choose: (known: Known) => (DueTick & Pick<ScheduleRun, 'key' | 'kind'>) | undefined,
  ): Promise<Decision | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const known = await this.#read(id);
      const choice = known === undefined ? undefined : choose(known);
      if (known === undefined || choice === undefined) return undefined;
      const { name, terms, revision } = known.schedule;
      const [answer, run] = await scripts.decide.run(
        this.#redis,
        [this.#keys.schedule(id), this.#keys.scheduleRuns(id)],
        [
          revision,
          choice.key,
          choice.kind,
          choice.at,
          batchIdOf(id, choice, name),
          choice.verdict,
          choice.isCaughtUp ? 1 : 0,
          choice.older,
          terms.overlap,
          this.#keys.batch(''),
          MAX_RUNS,
          missedReason(choice, terms),
          choice.olderAt ?? choice.at,
        ],
      );
      if (answer === 'changed') continue;
      const decided = storedRun(run);
      return decided === undefined ? undefined : { ...decided, older: choice.older };
    }
    return undefined;
  }

  async #read(id: string): Promise<Known | undefined> {
    const keys = [this.#keys.schedule(id), this.#keys.scheduleRuns(id)];
    const [redisMs, fields, runs] = await scripts.read.run(this.#redis, keys);
    const [name, terms, paused, ...numbers] = fields;
    if (typeof name !== 'string' || typeof terms !== 'string') return undefined;
    const [revision = 0, lastTick = 0, createdAt = 0, changedAt = 0] = numbers.map(Number);
    const schedule = {
      id,
      name,
      terms: storedTerms(terms),
      isPaused: paused === '1',
      revision,
      lastTick,
      createdAt,
      changedAt,
      runs: runs.flatMap((text) => storedRun(text) ?? []),
    };
    return { schedule, nowMs: this.#now?.(redisMs) ?? redisMs };
  }
}

interface Known {
  readonly schedule: Schedule;
  readonly nowMs: number;
}

/** The same for the same tick, whoever starts it: `countries-20261123-0600-k3f9x0a1`, the minute in UTC. */
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
  if (what === 'run') return isCaughtUp ? `${late}; only the latest is caught up` : late;
  return catchUpMs === 0
    ? `${late}, and nothing is caught up`
    : `${late}, nor within the catch-up window`;
}

function storedRun(json: string): ScheduleRun | undefined {
  return json === '' ? undefined : scheduleRun.parse(JSON.parse(json));
}

/* Both are written by `ScheduleStore.put` alone, from what was validated. */

function storedTerms(json: string): ScheduleTerms {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(json) as ScheduleTerms;
}

function storedCrawlFile(json: string): Crawl {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(json) as Crawl;
}
