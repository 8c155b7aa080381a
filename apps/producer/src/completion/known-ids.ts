import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isBatchId } from '@fetchfleet/crawl';
import {
  type BatchStatus,
  type FleetKeys,
  fleetKeys,
  LedgerReader,
  mayBePruned,
  openRedis,
  Origins,
  type OriginStatus,
  parseRedisUrl,
  readShards,
  realFailures,
  redisAccess,
  ScheduleStore,
  Workers,
} from '@fetchfleet/fleet';
import type { Place } from '@fetchfleet/results/place';
import type { Redis } from 'ioredis';
import { type Context, fleetName } from '../core/context.ts';
import { withTimeout } from '../core/timeouts.ts';
import { foreignIn, redisFolderOf } from '../local/redis-folder.ts';
import { readPlaces } from '../core/settings.ts';
import { formatCount } from '../report/units.ts';

/** A person who pressed the Tab key does not wait longer. After that, nothing is offered. */
const TIMEOUT_MS = 300;
/** A list that does not fit on a screen is no help, so only the newest are offered. */
const MAX_BATCHES = 100;

/** Something that may be typed, and what it is. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

type State = BatchStatus['state'];
const NOT_ENDED: readonly State[] = ['expanding', 'running', 'paused'];

/** The batches that a command can work on. Commands that are not listed take any batch. */
const USABLE: Readonly<Record<string, (status: BatchStatus) => boolean>> = {
  pause: ({ state }) => state === 'expanding' || state === 'running',
  cancel: ({ state }) => NOT_ENDED.includes(state),
  resume: ({ state }) => state !== 'finished',
  retry: (status) => realFailures(status) > 0,
  failures: ({ failed }) => failed > 0,
  prune: mayBePruned,
};

/** Ids of batches, newest first. */
export async function knownBatches(
  context: Context,
  { command, typed }: { readonly command: string; readonly typed: string },
): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const ledger = new LedgerReader(redis, keys);
    const ids = (await ledger.batches()).filter((id) => id.startsWith(typed));
    const newest = ids.slice(0, MAX_BATCHES);
    const statuses = await ledger.statuses(newest);
    return statuses
      .filter((one) => USABLE[command]?.(one) ?? true)
      .map((one) => ({ value: one.batch, about: aboutBatch(one) }));
  });
}

function aboutBatch({ state, settled, total, failed }: BatchStatus): string {
  const percent = total === 0 ? 100 : Math.floor((settled / total) * 100);
  const progress = state === 'finished' ? formatCount(total) : `${percent}%`;
  return `${state}, ${progress}${failed > 0 ? `, ${formatCount(failed)} failed` : ''}`;
}

/** URLs allow more in the name of a host, such as `$(…)`, which shells read in their own way. */
const PLAIN_ORIGIN = /^https?:\/\/[\w.:[\]-]+$/u;

/** The origins that a command can change. Commands that are not listed take any origin. */
const CHANGEABLE: Readonly<Record<string, (status: OriginStatus) => boolean>> = {
  unset: ({ rate, concurrency }) => [rate, concurrency].some(({ source }) => source === 'set'),
  try: ({ robotsError, ...status }) => robotsError !== undefined || shutWord(status) !== undefined,
};

/** Origins that the gate knows. */
export async function knownOrigins(context: Context, command: string): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const statuses = await new Origins(redis, keys).list();
    return statuses
      .filter((status) => CHANGEABLE[command]?.(status) ?? true)
      .filter(({ origin }) => PLAIN_ORIGIN.test(origin))
      .map((status) => ({ value: status.origin, about: shutWord(status) ?? status.rate.limit }));
  });
}

/** In one word of ours: what an origin has answered is not for a shell. */
function shutWord({ breaker, blockedMs }: Pick<OriginStatus, 'breaker' | 'blockedMs'>) {
  if (breaker !== 'closed') {
    return 'down';
  }
  return blockedMs === undefined ? undefined : 'blocked';
}

export async function knownSchedules(context: Context): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const ids = await new ScheduleStore(redis, keys).ids();
    return ids.map((value) => ({ value, about: '' }));
  });
}

/** Workers that run. */
export async function knownWorkers(context: Context): Promise<Candidate[]> {
  return askFleet(context, async (redis, keys) => {
    const workers = await new Workers(redis, keys).list();
    return workers
      .filter(({ state }) => state !== 'gone')
      .map(({ id, state }) => ({ value: id, about: state }));
  });
}

/** Ids of batches with records in the place of results; empty if it does not answer in time. */
export async function knownResults(context: Context): Promise<Candidate[]> {
  try {
    const ids = await Promise.all(readPlaces(undefined, context).map((one) => idsIn(one, context)));
    return ids.flat().map((value) => ({ value, about: '' }));
  } catch {
    return []; // The shell shows no errors while it completes.
  }
}

async function idsIn(place: Place, context: Context): Promise<readonly string[]> {
  if (place.kind === 'folder') {
    const entries = await readdir(place.url, { withFileTypes: true }).catch(() => []);
    const ids = entries.filter((entry) => entry.isDirectory() && isBatchId(entry.name));
    return ids.map(({ name }) => name);
  }
  const { openPlace } = await import('../results/open-place.ts');
  const { store } = await openPlace(place, context);
  const asked = store.batches();
  asked.catch(() => undefined); // it may reject after the timeout, when nobody waits any more
  return withTimeout(asked, { timeoutMs: TIMEOUT_MS });
}

/** Empty if no Redis answers in time. It does not start a private Redis. */
async function askFleet(
  { env, cwd }: Context,
  ask: (redis: Redis, keys: FleetKeys) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  const own = redisFolderOf(cwd);
  const isUsable = existsSync(own.socket) && foreignIn(own) === undefined;
  const url = env['REDIS_URL'] || (isUsable ? own.url : undefined);
  if (url === undefined) {
    return [];
  }
  let redis: Redis | undefined;
  try {
    redis = openRedis(parseRedisUrl(url, redisAccess(env)), () => undefined);
    const asked = askWithKeys(redis, fleetKeys(fleetName({ env })), ask);
    asked.catch(() => undefined); // it may reject after the timeout, when nobody waits any more
    return await withTimeout(asked, { timeoutMs: TIMEOUT_MS });
  } catch {
    return []; // The shell shows no errors while it completes.
  } finally {
    redis?.disconnect();
  }
}

async function askWithKeys(
  redis: Redis,
  keys: FleetKeys,
  ask: (redis: Redis, keys: FleetKeys) => Promise<Candidate[]>,
): Promise<Candidate[]> {
  await readShards(redis, keys);
  return ask(redis, keys);
}
