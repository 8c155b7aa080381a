import type { BatchStatus } from './batch-status.ts';

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
