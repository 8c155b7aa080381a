import type { Crawl } from '@fetchfleet/crawl';
import type { BatchStatus, KnownBatch } from '@fetchfleet/fleet';
import type { ResultsStore } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';
import type { Context } from '../core/context.ts';
import { countOf, formatCount } from '../report/units.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import type { LoadedCrawl } from './load-crawl.ts';

/**
 * A crawl as it starts: with the batch that it is compared with, if its file says `revalidate`.
 *
 * @param results place in which that batch is looked for
 */
export async function withComparison(
  loaded: LoadedCrawl,
  results: Place,
  context: Context,
): Promise<LoadedCrawl> {
  const { local, total } = loaded;
  if (local.original.plan.revalidate !== true) {
    return loaded;
  }
  // Few crawls need it, and it takes time to load.
  const { findComparedBatch, openKnownAnswers } = await import('@fetchfleet/results');
  const { terminal } = context;
  const { plan } = local.original;
  const store = await storeOf(results, context);
  const found = await findComparedBatch(store, plan);
  const { comparison } = found;
  const known = await openKnownAnswers({ store, crawl: local.crawl, comparison, total });
  if (comparison === undefined || known === undefined) {
    const reason = 'reason' in found ? found.reason : 'the earlier batch is gone';
    terminal.note(`Everything is fetched whole: ${reason}`);
    return loaded;
  }
  const { batch } = comparison;
  const { count, refersTo } = known;
  terminal.note(
    `Compared with ${batch}, which has answers to ${formatCount(count)} of ${countOf(total, 'fetch')}`,
  );
  const original = { ...local.original, plan: { ...plan, comparedWith: { batch, refersTo } } };
  return { ...loaded, local: { ...local, original }, known };
}

/**
 * A batch that was registered before. It stays compared with the batch that it was compared with
 * when it was started, as far as that is still there.
 *
 * @param crawl with every list on this machine
 */
export async function knownBatch(
  { ledger }: Pick<FleetSession, 'ledger'>,
  { status, crawl }: { readonly status: BatchStatus; readonly crawl: Crawl },
  { results, context }: { readonly results: Place; readonly context: Context },
): Promise<KnownBatch> {
  if (crawl.plan.revalidate !== true) {
    return { status, crawl };
  }
  const { openKnownAnswers } = await import('@fetchfleet/results');
  const comparison = (await ledger.crawl(status.batch))?.plan.comparedWith;
  const { total } = status;
  const store = await storeOf(results, context);
  return { status, crawl, known: await openKnownAnswers({ store, crawl, comparison, total }) };
}

/** Few crawls need it, and it takes time to load. */
async function storeOf(results: Place, context: Context): Promise<ResultsStore> {
  const { openPlace } = await import('../results/open-place.ts');
  return (await openPlace(results, context)).store;
}
