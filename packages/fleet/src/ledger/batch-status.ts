import { MAX_SLICE, NAME_PATTERN, type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { z } from 'zod';
import { storedCount, storedInstantMs } from '../redis/stored-state.ts';

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
   * Attempts that have failed and were repeated. Absent where there were none. A worker that is
   * killed loses those of its last seconds.
   */
  readonly retriedAttempts?: number;
  /** Attempts that an origin has refused and that cost nothing; likewise. */
  readonly throttledAttempts?: number;
  /**
   * Settled fetches per second from start to end, or to now. Measured since the last resume or
   * retry, if there was one.
   */
  readonly fetchesPerSecond: number;
  /** Sum of the durations of all settled fetches: the time they would take one after the other. */
  readonly durationSumMs: number;
  /** Body bytes of all settled fetches. */
  readonly bytes: number;
  /**
   * Pages that are `ok` and durable, repeats included: those of a fetch that has begun again with
   * its first page count each time. Absent where no fetch has pages.
   */
  readonly pages?: number;
  readonly sliceSize: number;
  /** Whether few fetches each of several origins share a slice. @default false */
  readonly mixesOrigins?: boolean;
  /** Path of the crawl file where it was started. */
  readonly source: string;
  readonly fingerprint: string;
  /** The results folder of the first worker. */
  readonly results?: string;
  /** The results folders of all workers, the first one first. Empty before a worker has started. */
  readonly resultsFolders: readonly string[];
  /** The schedule that has started it. */
  readonly schedule?: string;
  /** Variables that a worker of this batch lacked within the last minute. */
  readonly missingSecrets: readonly string[];
}

/**
 * How long a batch has been worked on since its start, its last resume or its last retry.
 *
 * @param nowMs epoch milliseconds, for a batch that has not finished
 */
export function durationMs(
  { startedAt, activeSince = startedAt, createdAt, finishedAt }: BatchStatus,
  nowMs = 0,
): number {
  const endMs = finishedAt === undefined ? nowMs : Date.parse(finishedAt);
  return Math.max(0, endMs - Date.parse(activeSince ?? createdAt));
}

/** A bitmap of Redis has no more bits. */
const MAX_TOTAL = 2 ** 32;

/** What is read of the batch hash. Other fields are read where they are needed. */
export const storedBatch = z.object({
  state: batchState,
  total: storedCount.pipe(z.number().max(MAX_TOTAL)),
  createdAt: storedInstantMs,
  planRevision: storedCount.default(0),
});

const number = storedCount.default(0);
const instant = storedInstantMs.optional();
const text = z.string().default('');

const storedStatus = storedBatch.extend({
  name: z.string().regex(NAME_PATTERN),
  settled: number,
  failed: number,
  startedAt: instant,
  finishedAt: instant,
  pausedAt: instant,
  cancelledAt: instant,
  paceFrom: instant,
  paceSettled: number,
  retries: number,
  retriedAttempts: storedCount.optional(),
  throttledAttempts: storedCount.optional(),
  durationUs: number,
  bytes: number,
  pages: storedCount.optional(),
  sliceSize: storedCount.pipe(z.number().min(1).max(MAX_SLICE)),
  mixesOrigins: z.literal('1').optional(),
  source: text,
  fingerprint: text,
  results: z.string().optional(),
  schedule: z.string().regex(NAME_PATTERN).optional(),
});

type StoredStatus = z.infer<typeof storedStatus>;

/**
 * Builds the status from the fields of the batch hash. `nowMs` is the time of Redis.
 *
 * @throws ZodError if they are not what a fleet stores
 */
export function statusFromFields(
  batch: string,
  fields: ReadonlyMap<string, string>,
  context: { readonly nowMs: number; readonly missingSecrets: readonly string[] },
): BatchStatus {
  const stored = storedStatus.parse(Object.fromEntries(fields));
  const { name, state, total, settled, failed, retries, bytes, pages, sliceSize, results } = stored;
  const { retriedAttempts, throttledAttempts } = stored;
  const startedAt = iso(stored.startedAt);
  const finishedAt = iso(stored.finishedAt);
  const pausedAt = iso(stored.pausedAt);
  const cancelledAt = iso(stored.cancelledAt);
  return {
    batch,
    name,
    state,
    total,
    settled,
    ok: settled - failed,
    failed,
    outcomes: outcomesOf(fields),
    createdAt: new Date(stored.createdAt).toISOString(),
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(startedAt !== undefined && { activeSince: iso(stored.paceFrom) ?? startedAt }),
    ...(pausedAt !== undefined && { pausedAt }),
    ...(cancelledAt !== undefined && { cancelledAt }),
    retries,
    ...(retriedAttempts !== undefined && { retriedAttempts }),
    ...(throttledAttempts !== undefined && { throttledAttempts }),
    fetchesPerSecond: paceOf(stored, context.nowMs),
    durationSumMs: stored.durationUs / 1000,
    bytes,
    ...(pages !== undefined && { pages }),
    sliceSize,
    ...(stored.mixesOrigins !== undefined && { mixesOrigins: true }),
    source: stored.source,
    fingerprint: stored.fingerprint,
    ...(results !== undefined && { results }),
    resultsFolders: [...(results === undefined ? [] : [results]), ...otherFolders(fields)],
    ...(stored.schedule !== undefined && { schedule: stored.schedule }),
    missingSecrets: context.missingSecrets,
  };
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function outcomesOf(fields: ReadonlyMap<string, string>): BatchStatus['outcomes'] {
  return Object.fromEntries(
    OUTCOMES.flatMap((outcome) => {
      const count = fields.get(`outcome:${outcome}`);
      return count === undefined ? [] : [[outcome, storedCount.parse(count)]];
    }),
  );
}

function otherFolders(fields: ReadonlyMap<string, string>): string[] {
  const prefix = 'results:';
  return [...fields.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function paceOf(stored: StoredStatus, nowMs: number): number {
  const { startedAt, paceFrom = 0, settled, paceSettled } = stored;
  if (startedAt === undefined) {
    return 0;
  }
  const fromMs = Math.max(startedAt, paceFrom);
  const endMs = stored.finishedAt ?? stored.cancelledAt ?? stored.pausedAt ?? nowMs;
  return endMs > fromMs ? Math.round(((settled - paceSettled) / (endMs - fromMs)) * 1e5) / 100 : 0;
}
