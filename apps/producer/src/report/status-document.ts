import type { BatchStatus } from '@fetchfleet/fleet';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';

/** What `--json` prints of a batch. What is not known yet is null, so that the keys are always the same. */
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
  /** The results folder, as in `--results`; the batch has a folder in it. */
  readonly results: string | null;
  readonly createdAt: string;
  readonly bytes: number;
  /** The durations of all fetches added up. */
  readonly sequentialMs: number;
  /** Variables that a worker lacked within the last minute. */
  readonly missingSecrets: readonly string[];
}

/** @param resultsFolder the `--results` of a command that knows it; otherwise what a worker told */
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
    createdAt: status.createdAt,
    bytes: status.bytes,
    sequentialMs: Math.round(status.durationSumMs),
    missingSecrets: status.missingSecrets,
  };
}

/** How a command that waited for the batch ends. */
export function exitCodeOf({ state, failed }: Pick<BatchStatus, 'state' | 'failed'>): ExitCode {
  if (state !== 'finished') {
    return EXIT.interrupted;
  }
  return failed > 0 ? EXIT.someFailed : EXIT.ok;
}
