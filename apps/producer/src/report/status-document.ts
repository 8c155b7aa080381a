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
  readonly createdAt: string;
  readonly bytes: number;
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
    createdAt: status.createdAt,
    bytes: status.bytes,
    sequentialMs: Math.round(status.durationSumMs),
    missingSecrets: status.missingSecrets,
  };
}

/** The exit status of a command that has waited for the batch. */
export function exitCodeOf({ state, failed }: Pick<BatchStatus, 'state' | 'failed'>): ExitCode {
  if (state !== 'finished') {
    return EXIT.interrupted;
  }
  return failed > 0 ? EXIT.someFailed : EXIT.ok;
}
