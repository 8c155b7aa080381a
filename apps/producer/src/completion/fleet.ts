import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isBatchId } from '@fetchfleet/crawl';
import {
  type BatchStatus,
  type FleetKeys,
  fleetKeys,
  Ledger,
  openRedis,
  Origins,
  ScheduleStore,
} from '@fetchfleet/fleet';
import type { Redis } from 'ioredis';
import type { Candidate } from './values.ts';
import type { Context } from '../core/context.ts';
import { withTimeout } from '../core/timeouts.ts';
import { redisFolderOf } from '../local/redis-folder.ts';
import { readResultsFolder } from '../core/settings.ts';
import { formatCount } from '../report/units.ts';

/** Whoever presses the key will not wait for longer; then nothing is offered. */
const PATIENCE_MS = 300;
/** The newest: a list that does not fit a screen helps nobody. */
const MAX_BATCHES = 100;

type State = BatchStatus['state'];
const UNDER_WAY: readonly State[] = ['expanding', 'running', 'paused'];

/** Batches on which a command can do something. Others take any. */
const USABLE: Readonly<Record<string, (status: BatchStatus) => boolean>> = {
  pause: ({ state }) => state === 'expanding' || state === 'running',
  cancel: ({ state }) => UNDER_WAY.includes(state),
  resume: ({ state }) => state !== 'finished',
  retry: ({ failed }) => failed > 0,
  failures: ({ failed }) => failed > 0,
};

/** Ids of batches, newest first. */
export async function knownBatches(
  context: Context,
  { command, typed }: { readonly command: string; readonly typed: string },
): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const ledger = new Ledger(redis, keys);
    const ids = (await ledger.batches()).filter((id) => id.startsWith(typed));
    const newest = ids.slice(0, MAX_BATCHES);
    const statuses = await Promise.all(newest.map(async (id) => ledger.status(id)));
    return statuses
      .filter((one) => one !== undefined)
      .filter((one) => USABLE[command]?.(one) ?? true)
      .map((one) => ({ value: one.batch, about: aboutBatch(one) }));
  });
}

function aboutBatch({ state, settled, total, failed }: BatchStatus): string {
  const percent = total === 0 ? 100 : Math.floor((settled / total) * 100);
  const progress = state === 'finished' ? formatCount(total) : `${percent}%`;
  return `${state}, ${progress}${failed > 0 ? `, ${formatCount(failed)} failed` : ''}`;
}

/** Origins that the gate knows. @param onlySet those with limits that a person has set */
export async function knownOrigins(context: Context, onlySet: boolean): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const statuses = await new Origins(redis, keys).list();
    return statuses
      .filter(({ rate, concurrency }) => !onlySet || [rate, concurrency].some(isSet))
      .map(({ origin, rate }) => ({ value: origin, about: rate.limit }));
  });
}

function isSet({ source }: { readonly source: string }): boolean {
  return source === 'set';
}

export async function knownSchedules(context: Context): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const ids = await new ScheduleStore(redis, keys).ids();
    return ids.map((value) => ({ value, about: '' }));
  });
}

/** Batches that have a folder in the results folder. */
export async function knownResults(context: Context): Promise<Candidate[]> {
  const entries = await readdir(readResultsFolder(undefined, context), {
    withFileTypes: true,
  }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && isBatchId(entry.name))
    .map(({ name }) => ({ value: name, about: '' }));
}

/** Nothing where no Redis answers soon enough; a private one is not started for this. */
async function askFleet(
  { env, cwd }: Context,
  ask: (redis: Redis, keys: FleetKeys) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  const own = redisFolderOf(cwd);
  const url = env['REDIS_URL'] || (existsSync(own.socket) ? own.url : undefined);
  if (url === undefined) return [];
  let redis: Redis | undefined;
  try {
    redis = openRedis(url, () => undefined);
    const asked = ask(redis, fleetKeys(env['FETCHFLEET_FLEET'] || undefined));
    asked.catch(() => undefined); // too late, and nobody is waiting any more
    return await withTimeout(asked, { timeoutMs: PATIENCE_MS });
  } catch {
    return []; // A key was pressed: there is nobody to tell.
  } finally {
    redis?.disconnect();
  }
}
