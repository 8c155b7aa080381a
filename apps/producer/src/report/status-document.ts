import type { BatchStatus } from '@fetchfleet/fleet';
import { EXIT, type ExitCode } from '../core/errors.ts';

/** The `--json` document of a batch. Unknown values are null, so the keys are always the same. */
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
  };
}

/**
 * The exit status of a command that has waited for the batch. What robots.txt forbids is no
 * failure: nothing that anybody repeats would change it.
 */
export function exitCodeOf(status: Pick<BatchStatus, 'state' | 'failed' | 'outcomes'>): ExitCode {
  if (status.state !== 'finished') {
    return EXIT.interrupted;
  }
  return realFailures(status) > 0 ? EXIT.someFailed : EXIT.ok;
}

/** Fetches that robots.txt forbids. */
export function deniedFetches({ outcomes }: Pick<BatchStatus, 'outcomes'>): number {
  return outcomes['robots-denied'] ?? 0;
}

/** The outcome of every fetch so far, if a hundred or more have all failed in the same way. */
export function sameFailure({
  settled,
  outcomes,
}: Pick<BatchStatus, 'settled' | 'outcomes'>): string | undefined {
  const [only, ...others] = Object.entries(outcomes).filter(([, count]) => count > 0);
  const isSame = only !== undefined && others.length === 0 && only[0] !== 'ok';
  return isSame && settled >= 100 ? only[0] : undefined;
}

/** Failed fetches without those that robots.txt forbids. */
export function realFailures(status: Pick<BatchStatus, 'failed' | 'outcomes'>): number {
  return status.failed - deniedFetches(status);
}
