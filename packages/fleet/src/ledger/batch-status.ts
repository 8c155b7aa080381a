import { OUTCOMES, type Outcome } from '@fetchfleet/crawl';
import { z } from 'zod';

export const batchState = z.enum(['expanding', 'running', 'paused', 'cancelled', 'finished']);
export type BatchState = z.infer<typeof batchState>;

/** State and progress of a batch. Instants are ISO 8601, by the clock of Redis. */
export interface BatchStatus {
  readonly batch: string;
  readonly name: string;
  readonly state: BatchState;
  readonly total: number;
  readonly settled: number;
  readonly ok: number;
  readonly failed: number;
  readonly outcomes: Partial<Record<Outcome, number>>;
  readonly createdAt: string;
  /** When a worker first claimed one of its slices. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /**
   * Start of the work since the last resume or retry; {@link startedAt} if there was none. The time
   * before that may have been idle.
   */
  readonly activeSince?: string;
  /** Set only while it is paused. */
  readonly pausedAt?: string;
  /** Set only while it is cancelled. */
  readonly cancelledAt?: string;
  /** How often failures were cleared to be fetched again. */
  readonly retries: number;
  /**
   * Settled fetches per second from start to end, or to now. Measured since the last resume or
   * retry, if there was one.
   */
  readonly fetchesPerSecond: number;
  /** Sum of the durations of all settled fetches: the time they would take one after the other. */
  readonly durationSumMs: number;
  /** Body bytes of all settled fetches. */
  readonly bytes: number;
  readonly sliceSize: number;
  /** Path of the crawl file where it was started. */
  readonly source: string;
  readonly fingerprint: string;
  /** The results folder of the first worker. */
  readonly results?: string;
  /** The results folders of all workers, the first one first. Empty before a worker has started. */
  readonly resultsFolders: readonly string[];
  /** Variables that a worker of this batch lacked within the last minute. */
  readonly missingSecrets: readonly string[];
}

/** Builds the status from the fields of the batch hash. `nowMs` is the time of Redis. */
export function statusFromFields(
  batch: string,
  fields: ReadonlyMap<string, string>,
  context: { readonly nowMs: number; readonly missingSecrets: readonly string[] },
): BatchStatus {
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const instant = (name: string): string | undefined =>
    fields.has(name) ? new Date(number(name)).toISOString() : undefined;
  const startedAt = instant('startedAt');
  const finishedAt = instant('finishedAt');
  const pausedAt = instant('pausedAt');
  const cancelledAt = instant('cancelledAt');
  const results = fields.get('results');
  const settled = number('settled');
  const failed = number('failed');
  return {
    batch,
    name: fields.get('name') ?? '',
    state: batchState.parse(fields.get('state')),
    total: number('total'),
    settled,
    ok: settled - failed,
    failed,
    outcomes: Object.fromEntries(
      OUTCOMES.flatMap((outcome) =>
        fields.has(`outcome:${outcome}`) ? [[outcome, number(`outcome:${outcome}`)]] : [],
      ),
    ),
    createdAt: new Date(number('createdAt')).toISOString(),
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(startedAt !== undefined && { activeSince: instant('paceFrom') ?? startedAt }),
    ...(pausedAt !== undefined && { pausedAt }),
    ...(cancelledAt !== undefined && { cancelledAt }),
    retries: number('retries'),
    fetchesPerSecond: paceOf(number, context.nowMs),
    durationSumMs: number('durationUs') / 1000,
    bytes: number('bytes'),
    sliceSize: number('sliceSize'),
    source: fields.get('source') ?? '',
    fingerprint: fields.get('fingerprint') ?? '',
    ...(results !== undefined && { results }),
    resultsFolders: [...(results === undefined ? [] : [results]), ...otherFolders(fields)],
    missingSecrets: context.missingSecrets,
  };
}

function otherFolders(fields: ReadonlyMap<string, string>): string[] {
  const prefix = 'results:';
  return [...fields.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function paceOf(number: (field: string) => number, nowMs: number): number {
  const startMs = number('startedAt');
  if (startMs === 0) {
    return 0;
  }
  const fromMs = Math.max(startMs, number('paceFrom'));
  const endMs = number('finishedAt') || number('cancelledAt') || number('pausedAt') || nowMs;
  const settled = number('settled') - number('paceSettled');
  return endMs > fromMs ? Math.round((settled / (endMs - fromMs)) * 1e5) / 100 : 0;
}
