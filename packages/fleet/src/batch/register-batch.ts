import { type Crawl, newBatchId, sliceSizeFor } from '@fetchfleet/crawl';
import { ExpansionLease } from './expansion-lease.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** A crawl that was read and measured. */
export interface MeasuredCrawl {
  readonly crawl: Crawl;
  readonly total: number;
  /** Path of the crawl file, for people. */
  readonly source: string;
  readonly fingerprint: string;
}

/**
 * Makes a crawl known to the ledger, as a new batch. The lease of its expansion is taken before, or a producer that starts at
 * the same moment would take the batch for one that was left behind.
 *
 * @param id of the batch; registering one that is known changes nothing. @default a new one
 * @returns no lease if somebody else expands the batch just now
 */
export async function registerBatch(
  ledger: Ledger,
  { crawl, total, source, fingerprint }: MeasuredCrawl,
  id = newBatchId(crawl.plan.name, new Date(), Math.random),
): Promise<{ readonly id: string; readonly lease: ExpansionLease | undefined }> {
  const sliceSize = sliceSizeFor(total);
  const signal = new AbortController().signal;
  const lease = await ExpansionLease.acquire(ledger, id, { timeoutMs: 0, signal });
  await ledger.register({ id, crawl, total, sliceSize, source, fingerprint });
  return { id, lease };
}
