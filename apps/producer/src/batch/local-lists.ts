import { rmSync } from 'node:fs';
import { type Crawl, isStoredList, LocalCrawl, type OpenList } from '@fetchfleet/crawl';
import type { ScheduleLists } from '@fetchfleet/fleet';

/**
 * A crawl with all of its lists on this machine; what was copied goes when the process ends, however it does.
 *
 * @param lists for a batch that a schedule started
 */
export async function localCrawl(crawl: Crawl, lists?: ScheduleLists): Promise<LocalCrawl> {
  const local = await LocalCrawl.of(crawl, openList(lists));
  const { folder } = local;
  if (folder !== undefined) {
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  }
  return local;
}

/** Whoever types a crawl file's name may reach what this machine may; what the crawl file does not open stays closed. */
function openList(lists: ScheduleLists | undefined): OpenList {
  return async ({ path }, { plan }, signal) => {
    if (isStoredList(path) && lists !== undefined) return [await lists.read(path)];
    const { createFetcher, fetchList, USER_AGENT } = await import('@fetchfleet/fetcher');
    const options = { transport: 'undici', allowPrivate: true, userAgent: USER_AGENT } as const;
    const fetcher = createFetcher(options);
    try {
      return [await fetchList(fetcher, path, { network: plan.network, signal })];
    } finally {
      await fetcher.stop();
    }
  };
}
