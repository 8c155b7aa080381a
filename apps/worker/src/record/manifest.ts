import { answerRulesOf } from '@fetchfleet/crawl';
import type { Manifest } from '@fetchfleet/results';
import type { Batches } from '../batch/batches.ts';

/**
 * What the results folder of a batch says about it.
 *
 * @throws Error where the ledger does not know the batch
 */
export async function manifestOf(batches: Batches, id: string): Promise<Manifest> {
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
