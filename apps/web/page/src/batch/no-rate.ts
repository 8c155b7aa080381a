import type { WatchedBatch } from '../../../src/api/documents.ts';

/** How long samples of a rate are kept. */
const KEPT_MS = 3_600_000;

/** Why there is no rate of a batch to draw: samples are ten seconds apart. */
export function whyNoRate(
  { finishedAt, cancelledAt }: Pick<WatchedBatch, 'finishedAt' | 'cancelledAt'>,
  nowMs: number,
): string {
  const endedAt = finishedAt ?? cancelledAt;
  if (endedAt === null) {
    return 'Nothing yet.';
  }
  return nowMs - Date.parse(endedAt) > KEPT_MS
    ? 'Only the last hour is kept.'
    : 'It was over too soon to be sampled.';
}
