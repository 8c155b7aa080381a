import type { Crawl } from '@fetchfleet/crawl';
import type { BatchStatus } from '@fetchfleet/fleet';
import { CommandError } from '../core/command-error.ts';
import { EXIT } from '../core/exit-codes.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { localCrawl } from './local-lists.ts';

/**
 * The crawl as it was registered, if its lists still say the same: indexes must mean the same fetches.
 *
 * @param done what cannot be done otherwise: `resumed`
 * @throws CommandError (exit 2) when they do not
 */
export async function sameCrawl(
  session: FleetSession,
  before: BatchStatus,
  done: string,
): Promise<Crawl> {
  const crawl = await session.ledger.crawl(before.batch);
  const local = crawl === undefined ? undefined : await localCrawl(crawl, session.schedules.lists);
  if (local !== undefined && (await local.fingerprint()) === before.fingerprint) return local.crawl;
  const files = (crawl?.sources ?? []).flatMap((one) => (one.kind === 'file' ? [one.path] : []));
  throw new CommandError(
    `${before.batch} cannot be ${done}: its lists have changed since it was started (${files.join(', ')}); put them back, or start a new batch`,
    { code: 'LISTS_CHANGED', exitCode: EXIT.badInput },
  );
}
