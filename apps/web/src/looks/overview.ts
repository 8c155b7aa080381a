import {
  type BatchStatus,
  growthOf,
  type HistorySample,
  isUnderWay,
  type OriginStatus,
  ratesOf,
  type Schedule,
  valuesOf,
  type WorkerInfo,
} from '@fetchfleet/fleet';
import type { OverviewDocument, Trouble } from '../api/documents.ts';
import { findTrouble } from './trouble.ts';
import { type Watched, watchedDocument } from './watched-batch.ts';

const MAX_UNDER_WAY = 50;
const MAX_ENDED = 10;

/** What the overview is made of. */
export interface OverviewSources {
  readonly nowMs: number;
  readonly watched: readonly Watched[];
  readonly underWayTotal: number;
  readonly workers: readonly WorkerInfo[];
  readonly origins: readonly OriginStatus[];
  readonly schedules: readonly Schedule[];
  readonly memory: {
    readonly redisMemoryBytes: number;
    readonly redisMemoryLimitBytes: number;
  };
  readonly oldestPendingMs: number;
  readonly resultsDisk: OverviewDocument['resultsDisk'];
  readonly samples: readonly HistorySample[];
}

/** The first page: is everything all right? */
export function overviewDocument(sources: OverviewSources): OverviewDocument {
  const { nowMs, watched, workers, samples, memory } = sources;
  const statuses = watched.map(({ status }) => status);
  const underWay = watched.filter(({ status }) => isUnderWay(status));
  const ended = watched
    .filter(({ status }) => !isUnderWay(status))
    .toSorted((one, other) => endOf(other.status) - endOf(one.status));
  const trouble = findTrouble({ ...sources, underWay: statuses.filter(isUnderWay) });
  const alive = workers.filter(({ state }) => state !== 'gone');
  const settled = growthOf(samples, (sample) => sample.settled);
  const failed = growthOf(samples, (sample) => sample.failed);
  return {
    at: new Date(nowMs).toISOString(),
    ...healthOf(trouble, alive),
    trouble,
    fetchesPerSecond: round(sum(alive, ({ fetchesPerSecond }) => fetchesPerSecond)),
    inFlight: sum(alive, ({ inFlight }) => inFlight),
    capacity: sum(alive, ({ concurrency }) => concurrency),
    workers: alive.length,
    ...memory,
    oldestPendingMs: sources.oldestPendingMs,
    resultsDisk: sources.resultsDisk,
    finishedToday: statuses.filter((status) => isOfToday(status, nowMs)).length,
    failedShare: settled === 0 ? null : failed / settled,
    underWay: underWay.slice(0, MAX_UNDER_WAY).map(watchedDocument),
    underWayTotal: sources.underWayTotal,
    ended: ended.slice(0, MAX_ENDED).map(watchedDocument),
    history: {
      fetchesPerSecond: ratesOf(samples, (sample) => sample.settled, nowMs),
      failedPerSecond: ratesOf(samples, (sample) => sample.failed, nowMs),
      inFlight: valuesOf(samples, (sample) => sample.inFlight, nowMs),
    },
  };
}

/** Down: nothing is fetched although it should be, or no record can be written. */
function healthOf(
  trouble: readonly Trouble[],
  alive: readonly WorkerInfo[],
): Pick<OverviewDocument, 'health' | 'healthText'> {
  const [worst] = trouble;
  if (worst === undefined) {
    return { health: 'ok', healthText: 'everything works' };
  }
  const areAllFailing = alive.length > 0 && alive.every(({ state }) => state === 'sink-failing');
  const { about, severity, text } = worst;
  const name = about.kind === 'fleet' ? '' : `${about.kind} ${about.id} `;
  const isStopped = about.kind === 'fleet' && about.id === 'workers' && severity === 'error';
  return {
    health: areAllFailing || isStopped ? 'down' : 'attention',
    healthText: areAllFailing ? 'no worker can write its results' : `${name}${text}`,
  };
}

/** By the clock of this machine, as everything that the page shows. */
function isOfToday({ state, finishedAt }: BatchStatus, nowMs: number): boolean {
  return (
    state === 'finished' &&
    finishedAt !== undefined &&
    new Date(finishedAt).toDateString() === new Date(nowMs).toDateString()
  );
}

function endOf({ finishedAt, cancelledAt, createdAt }: BatchStatus): number {
  return Date.parse(finishedAt ?? cancelledAt ?? createdAt);
}

function sum<T>(all: readonly T[], valueOf: (one: T) => number): number {
  return all.reduce((total, one) => total + valueOf(one), 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
