import type { BatchStatus } from '../ledger/batch-status.ts';

/**
 * The document of a batch: `--json` prints it, and notifications send it. Unknown values are null,
 * so the keys are always the same.
 */
export interface StatusDocument {
  readonly batch: string;
  readonly name: string;
  readonly state: BatchStatus['state'];
  readonly total: number;
  readonly settled: number;
  readonly ok: number;
  readonly failed: number;
  readonly outcomes: BatchStatus['outcomes'];
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly fetchesPerSecond: number;
  /** The results folder, as in `--results`. It contains the folder of the batch. */
  readonly results: string | null;
  /** The results folders of all workers. */
  readonly resultsFolders: readonly string[];
  readonly createdAt: string;
  readonly bytes: number;
  /** Pages that are `ok`; null where fetches have none. */
  readonly pages: number | null;
  /** Sum of the durations of all fetches. */
  readonly sequentialMs: number;
  /** Environment variables that a worker did not have within the last minute. */
  readonly missingSecrets: readonly string[];
  /** The schedule that has started it. */
  readonly schedule: string | null;
}

/** @param resultsFolder `--results` of the command. @default the folder that a worker reported */
export function statusDocument(status: BatchStatus, resultsFolder?: string): StatusDocument {
  return {
    batch: status.batch,
    name: status.name,
    state: status.state,
    total: status.total,
    settled: status.settled,
    ok: status.ok,
    failed: status.failed,
    outcomes: status.outcomes,
    startedAt: status.startedAt ?? null,
    finishedAt: status.finishedAt ?? null,
    fetchesPerSecond: status.fetchesPerSecond,
    results: resultsFolder ?? status.results ?? null,
    resultsFolders: resultsFolder === undefined ? status.resultsFolders : [resultsFolder],
    createdAt: status.createdAt,
    bytes: status.bytes,
    pages: status.pages ?? null,
    sequentialMs: Math.round(status.durationSumMs),
    missingSecrets: status.missingSecrets,
    schedule: status.schedule ?? null,
  };
}

/** A batch as `batches --json` lists it. */
export interface BatchDocument extends StatusDocument {
  /** Path of the crawl file where it was started. */
  readonly source: string;
  readonly pausedAt: string | null;
  readonly cancelledAt: string | null;
  readonly retries: number;
  readonly retriedAttempts: number;
  readonly throttledAttempts: number;
  /** Whether nobody works on it any more: only the private Redis of a folder can tell. */
  readonly interrupted: boolean;
}

export function batchDocument(status: BatchStatus, isInterrupted = false): BatchDocument {
  return {
    ...statusDocument(status),
    source: status.source,
    pausedAt: status.pausedAt ?? null,
    cancelledAt: status.cancelledAt ?? null,
    retries: status.retries,
    retriedAttempts: status.retriedAttempts ?? 0,
    throttledAttempts: status.throttledAttempts ?? 0,
    interrupted: isInterrupted,
  };
}
