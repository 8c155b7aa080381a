import {
  batchDocument,
  type BatchStatus,
  type Pace,
  remainingMs,
  type WatchedBatch as FleetWatched,
} from '@fetchfleet/fleet';
import type { WatchedBatch } from '../api/documents.ts';

/** What looking at a batch again and again has told. */
export interface Watched extends FleetWatched {
  /** Whether nobody works on it any more. */
  readonly isInterrupted: boolean;
}

export function watchedDocument({ status, pace, isInterrupted }: Watched): WatchedBatch {
  return { ...batchDocument(status, isInterrupted), ...paceOf(status, pace) };
}

function paceOf(
  { state, total, settled }: BatchStatus,
  pace: Pace,
): Pick<WatchedBatch, 'paceNow' | 'leftMs'> {
  const isMoving = state === 'running' || state === 'expanding';
  if (!isMoving || pace.history.length === 0) {
    return { paceNow: null, leftMs: null };
  }
  const perSecond = Math.round(pace.steadyPerSecond * 100) / 100;
  const left = remainingMs(total - settled, perSecond);
  return { paceNow: perSecond, leftMs: left === undefined ? null : Math.round(left) };
}
