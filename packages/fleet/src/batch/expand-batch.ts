import type { Crawl } from '@fetchfleet/crawl';
import { enqueue } from '../queue/enqueue.ts';
import { ExpansionLease } from './expansion-lease.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SliceQueue } from '../queue/slice-queue.ts';

export interface ExpandBatchOptions {
  readonly ledger: Ledger;
  readonly queue: SliceQueue;
  readonly batch: string;
  readonly crawl: Crawl;
  readonly sliceSize: number;
  /** Skip what is settled: for a batch that has been expanded before, in part or as a whole. */
  readonly isRepeated: boolean;
  /** For a batch that was registered under a lease. @default it is acquired here */
  readonly lease?: ExpansionLease | undefined;
  /** How long to wait for another producer that expands the same batch. @default for ever */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Queues every slice of a registered batch and tells the ledger when the last one is there.
 *
 * @returns the slices offered to the queue; undefined if somebody else did the work, or the batch was cancelled meanwhile
 */
export async function expandBatch(options: ExpandBatchOptions): Promise<number | undefined> {
  const { ledger, batch, signal } = options;
  const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
  const lease =
    options.lease ?? (await ExpansionLease.acquire(ledger, batch, { timeoutMs, signal }));
  if (lease === undefined) return undefined;
  try {
    const slices = await enqueueAll(options, AbortSignal.any([signal, lease.ended]));
    await ledger.expanded(batch);
    return slices;
  } catch (error) {
    if (lease.ended.aborted && !signal.aborted) return undefined;
    throw error;
  } finally {
    await lease.release();
  }
}

async function enqueueAll(options: ExpandBatchOptions, signal: AbortSignal): Promise<number> {
  const { ledger, queue, batch, crawl, sliceSize, isRepeated } = options;
  if (!isRepeated) return enqueue({ queue, batch, crawl, sliceSize, signal });
  // They would keep their places, and never run.
  await queue.rejected.remove(batch);
  const isUnsettled = await ledger.unsettled(batch);
  // Only where failures are fetched again can a queued slice lack some of its unsettled fetches.
  if (((await ledger.status(batch))?.retries ?? 0) === 0) {
    return enqueue({ queue, batch, crawl, sliceSize, isUnsettled, signal });
  }
  const merger = queue.merger(ledger);
  const slices = await enqueue({ queue: merger, batch, crawl, sliceSize, isUnsettled, signal });
  await merger.finish(signal);
  return slices;
}
