import {
  type BatchStatus,
  type OriginStatus,
  sameFailure,
  type Schedule,
  severityOf,
  type WorkerInfo,
} from '@fetchfleet/fleet';
import type { Trouble } from '../api/documents.ts';

/** Share of the limit of Redis at which it needs a look: producers stop a little later. */
const FULL_SHARE = 0.8;
/** Most entries of one kind. The page of that kind has all. */
const MAX_OF_A_KIND = 10;

/** What troubles are found in. */
export interface Findings {
  readonly underWay: readonly BatchStatus[];
  readonly origins: readonly OriginStatus[];
  readonly schedules: readonly Schedule[];
  readonly workers: readonly WorkerInfo[];
  readonly memory: {
    readonly redisMemoryBytes: number;
    readonly redisMemoryLimitBytes: number;
  };
}

/** What needs a look, the worst first. */
export function findTrouble(findings: Findings): Trouble[] {
  const all = [
    ...workersMissing(findings),
    ...redisFilling(findings),
    ...workersFailing(findings),
    ...originsShut(findings),
    ...batchesFailing(findings),
    ...secretsMissing(findings),
    ...schedulesFailing(findings),
    ...originsSlowed(findings),
  ];
  return all.toSorted((one, other) => rankOf(one) - rankOf(other));
}

/** Batches wait, and nobody is there to fetch them. */
function workersMissing({ underWay, workers }: Pick<Findings, 'underWay' | 'workers'>) {
  const waiting = underWay.filter(({ state }) => state !== 'paused');
  const areAllGone = workers.every(({ state }) => state === 'gone');
  if (waiting.length === 0 || !areAllGone) {
    return [];
  }
  const left = waiting.reduce((sum, { total, settled }) => sum + total - settled, 0);
  const batches = waiting.length === 1 ? 'a batch is' : `${waiting.length} batches are`;
  return [
    trouble('error', 'fleet', 'workers', {
      text: `no worker runs, and ${batches} under way: start fetchfleet-worker`,
      waiting: left,
    }),
  ];
}

/** At its limit Redis takes no new batches. */
function redisFilling({ memory }: Pick<Findings, 'memory'>): Trouble[] {
  const { redisMemoryBytes: used, redisMemoryLimitBytes: limit } = memory;
  const share = limit === 0 ? 0 : used / limit;
  if (share < FULL_SHARE) {
    return [];
  }
  return [
    trouble(share >= 0.95 ? 'error' : 'warning', 'fleet', 'redis', {
      text:
        `Redis has used ${Math.floor(share * 100)} % of its memory: at its limit nothing new ` +
        'is enqueued; prune old batches',
    }),
  ];
}

/** They cannot write records, or were killed while they had work. */
function workersFailing({ workers }: Pick<Findings, 'workers'>): Trouble[] {
  return some(workers, ({ id, state, slices }) => {
    if (state === 'sink-failing') {
      return trouble('error', 'worker', id, {
        text: 'cannot write its results, and fetches nothing',
      });
    }
    return state === 'gone' && slices > 0
      ? trouble('warning', 'worker', id, {
          text: 'is gone: its work was given to the others, if there are any',
        })
      : undefined;
  });
}

/** Nothing, or next to nothing, is fetched there at the moment. */
function originsShut({ origins }: Pick<Findings, 'origins'>): Trouble[] {
  return some(origins, (status) => {
    const { origin, breaker, openMs, blockedMs, blockedFor, lastError, robotsError } = status;
    const { waiting } = status;
    const because = lastError === undefined ? '' : `: it ${lastError}`;
    if (breaker !== 'closed') {
      return trouble('error', 'origin', origin, {
        text: `is down${because}`,
        untilMs: openMs ?? null,
        waiting,
      });
    }
    if (blockedMs !== undefined) {
      return trouble('warning', 'origin', origin, {
        text: blockedFor === undefined ? 'is blocked' : `is blocked: ${blockedFor}`,
        untilMs: blockedMs,
        waiting,
      });
    }
    return robotsError === undefined
      ? undefined
      : trouble('warning', 'origin', origin, {
          text: `has a robots.txt that cannot be had: ${robotsError}`,
          waiting,
        });
  });
}

/** It refused fetches, or did not keep up with them, and gets fewer since. */
function originsSlowed({ origins }: Pick<Findings, 'origins'>): Trouble[] {
  return some(origins, (status) => {
    const { origin, breaker, blockedMs, robotsError, rate, concurrency, waiting } = status;
    const isShut = breaker !== 'closed' || blockedMs !== undefined || robotsError !== undefined;
    const learned = [
      ...(rate.source === 'learned' ? [`to ${rate.limit}, because it has refused more`] : []),
      ...(concurrency.source === 'learned'
        ? [`to ${concurrency.limit} at once, because it has timed out or become slow`]
        : []),
    ];
    if (isShut || learned.length === 0 || waiting === 0) {
      return undefined;
    }
    const text = `is slowed down ${learned.join(', and ')}`;
    return trouble('warning', 'origin', origin, { text, waiting });
  });
}

/** A hundred fetches or more, and all have failed in the same way. */
function batchesFailing({ underWay }: Pick<Findings, 'underWay'>): Trouble[] {
  return some(underWay, (status) => {
    const outcome = sameFailure(status);
    return outcome === undefined
      ? undefined
      : trouble('error', 'batch', status.batch, {
          text: `every fetch so far has failed: ${outcome}`,
        });
  });
}

/** Its fetches wait until a worker has the variables. */
function secretsMissing({ underWay }: Pick<Findings, 'underWay'>): Trouble[] {
  return some(underWay, ({ batch, missingSecrets, total, settled }) =>
    missingSecrets.length === 0
      ? undefined
      : trouble('error', 'batch', batch, {
          text: `a worker lacks ${missingSecrets.join(', ')}`,
          waiting: total - settled,
        }),
  );
}

/** The last run that was due has started no batch. */
function schedulesFailing({ schedules }: Pick<Findings, 'schedules'>): Trouble[] {
  return some(schedules, ({ id, isPaused, runs }) => {
    const [last] = runs;
    if (isPaused || last === undefined) {
      return undefined;
    }
    const because = last.reason === undefined ? '' : `: ${last.reason}`;
    const due = new Date(last.at).toISOString();
    if (last.state === 'missed') {
      return trouble('error', 'schedule', id, { text: `has missed its run of ${due}${because}` });
    }
    return last.state === 'failed'
      ? trouble('error', 'schedule', id, { text: `could not run at ${due}${because}` })
      : undefined;
  });
}

/** Of origins in the order of their list: the worst, which may be among the entries. */
export function mayBeShown(origins: readonly OriginStatus[]): readonly OriginStatus[] {
  return origins.filter((one) => severityOf(one) > 1).slice(0, 2 * MAX_OF_A_KIND);
}

function some<T>(all: readonly T[], find: (one: T) => Trouble | undefined): Trouble[] {
  return all
    .map(find)
    .filter((one) => one !== undefined)
    .slice(0, MAX_OF_A_KIND);
}

interface Details extends Pick<Trouble, 'text'> {
  readonly untilMs?: number | null;
  readonly waiting?: number;
}

function trouble(
  severity: Trouble['severity'],
  kind: Trouble['about']['kind'],
  id: string,
  { text, untilMs = null, waiting }: Details,
): Trouble {
  return { severity, about: { kind, id }, text, untilMs, waiting: waiting ?? null };
}

function rankOf({ severity }: Trouble): number {
  return severity === 'error' ? 0 : 1;
}
