import { answerRulesOf, integerParams } from '@fetchfleet/crawl';
import type { LedgerReader } from '@fetchfleet/fleet';
import type { Manifest } from '@fetchfleet/results';
import type { Batches } from '../batch/batches.ts';

/**
 * What the results folder of a batch says about it.
 *
 * @throws Error where the ledger does not know the batch
 */
export async function manifestOf(
  { batches, ledger }: { readonly batches: Batches; readonly ledger: Pick<LedgerReader, 'crawl'> },
  id: string,
): Promise<Manifest> {
  // Types of columns are worth no failure: a crawl that cannot be read has none.
  const crawl = await ledger.crawl(id).catch(() => undefined);
  const integers = integerParams(crawl?.sources ?? []);
  return batches.use(id, async (batch) => {
    if (batch === undefined) {
      throw new Error(`batch ${id} is unknown`);
    }
    const { headers } = batch.plan.keep ?? {};
    const { batch: comparedWith, refersTo = [] } = batch.plan.comparedWith ?? {};
    return {
      batch: id,
      name: batch.plan.name,
      total: batch.total,
      params: batch.plan.params,
      ...(integers.length > 0 && { integers }),
      ...(headers !== undefined && { headers }),
      url: batch.plan.url,
      createdAt: new Date(batch.createdAt).toISOString(),
      ...(batch.plan.revalidate === true && {
        revalidate: {
          rules: answerRulesOf(batch.plan),
          ...(comparedWith !== undefined && { comparedWith }),
          refersTo,
        },
      }),
    };
  });
}
