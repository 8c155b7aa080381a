import { expandCrawl, measureCrawl, packSlices, type Slice, sliceSizeFor } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import type { Ledger, SliceQueue } from '@fetchfleet/fleet';

/** Slices per pipeline, as in the producer. */
const ADD = 400;

export interface Fleet {
  readonly ledger: Ledger;
  readonly queue: SliceQueue;
}

/** Registers a batch and enqueues all its slices. @param text the crawl file */
export async function enqueueBatch(
  { ledger, queue }: Fleet,
  id: string,
  text: string,
): Promise<number> {
  const crawl = parseCrawlFile(text, 'bench.yaml');
  const { total } = await measureCrawl(crawl);
  const packing = { sliceSize: sliceSizeFor(total), mixesOrigins: true };
  await ledger.register({ id, crawl, total, ...packing, source: id, fingerprint: id });
  const slices: Slice[] = [];
  for await (const some of packSlices(id, expandCrawl(crawl), packing)) {
    slices.push(...some);
  }
  for (let at = 0; at < slices.length; at += ADD) {
    await queue.add(slices.slice(at, at + ADD));
  }
  await ledger.expanded(id);
  return slices.length;
}
