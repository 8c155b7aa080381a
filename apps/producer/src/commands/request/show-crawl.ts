import { type Crawl, isListFile } from '@fetchfleet/crawl';
import { shownHeaders, writeCrawlFile } from '@fetchfleet/crawl/file/write';
import { UnknownBatchError } from '@fetchfleet/fleet';
import { findBatch } from '../../batch/find-batch.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import type { Context } from '../../core/context.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { listPlaces } from '../../crawl/crawl-changes.ts';
import { firstRequests } from '../../crawl/preview.ts';
import { withFleet } from '../../session/fleet-session.ts';

/** `fetchfleet show BATCH`: the crawl file of a batch, as the fleet stores it. */
export async function showCrawl(
  batch: string,
  { json }: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, { find: batch }, async ({ ledger }) => {
    const { source, total } = await findBatch(ledger, batch);
    const crawl = await withTimeout(ledger.crawl(batch));
    if (crawl === undefined) {
      throw new UnknownBatchError(batch); // it was removed in the meantime
    }
    const crawlFile = writeCrawlFile(crawl);
    if (json === true) {
      const elsewhere = valuesElsewhere(crawl);
      const requests = elsewhere === undefined ? await firstRequests(crawl) : undefined;
      const first = requests?.map((one) => ({ ...one, headers: shownHeaders(one.headers) }));
      terminal.printJson({
        batch,
        source,
        total,
        crawlFile,
        first: first ?? null,
        elsewhere: elsewhere ?? null,
      });
    } else {
      terminal.print(
        `# The crawl file of ${batch} as the fleet stores it: its comments are gone.`,
        ...crawlFile.trimEnd().split('\n'),
      );
    }
    return EXIT.ok;
  });
}

/** The lists that are read when a batch is enqueued, and are not stored in the fleet. */
function valuesElsewhere({ sources }: Crawl): string | undefined {
  return sources.some((source) => isListFile(source) || source.kind === 'batch')
    ? listPlaces(sources).join(', ')
    : undefined;
}
