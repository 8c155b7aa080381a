import { recentDurations, ResultsNotFoundError, ResultsUnreadableError } from '@fetchfleet/results';
import type { BatchDetail } from '../api/documents.ts';
import type { RecordFolders } from './record-folders.ts';

/** Upper bounds in milliseconds, a third of a power of ten apart or so. */
const BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000];

export type Latency = NonNullable<BatchDetail['latency']>;

/**
 * How the records of a batch can be read, and how long the fetches took whose records were written
 * last. Nothing is copied for it.
 */
export async function recordsOf(
  folders: Pick<RecordFolders, 'sourceOf' | 'present'>,
  batch: string,
): Promise<Pick<BatchDetail, 'records' | 'latency'>> {
  try {
    const records = await folders.sourceOf(batch);
    const dirs = await folders.present(batch);
    const durations = dirs === undefined ? [] : await recentDurations(dirs, batch);
    return { records, latency: durations.length === 0 ? null : histogramOf(durations) };
  } catch (error) {
    if (error instanceof ResultsNotFoundError || error instanceof ResultsUnreadableError) {
      return { records: null, latency: null };
    }
    throw error;
  }
}

/** Without the empty ends. */
export function histogramOf(durations: readonly number[]): Latency {
  const counts = [...BOUNDS, null].map((upToMs, at) => ({
    upToMs,
    count: durations.filter(
      (ms) => ms > (BOUNDS[at - 1] ?? -1) && (upToMs === null || ms <= upToMs),
    ).length,
  }));
  const first = counts.findIndex(({ count }) => count > 0);
  const last = counts.findLastIndex(({ count }) => count > 0);
  return counts.slice(first, last + 1);
}
