import { isBatchId } from '@fetchfleet/crawl';
import { mayBePruned } from '@fetchfleet/fleet';
import { nearest } from '../../batch/find-batch.ts';
import type { Problems } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { OpenPlace } from '../../results/open-place.ts';
import type { FleetSession } from '../../session/fleet-session.ts';
import type { PruneRules } from './prune-plan.ts';

/** Adds a sentence to `problems` for each named batch that cannot be removed. */
export async function checkNamed(
  { ledger, removal }: Pick<FleetSession, 'ledger' | 'removal'>,
  { only, results, withOrphans }: PruneRules,
  problems: Problems,
): Promise<void> {
  if (only === undefined) {
    return;
  }
  const names = [...only];
  const statuses = await withTimeout(ledger.statuses(names));
  const known = new Map(statuses.map((status) => [status.batch, status]));
  const unfinished = await withTimeout(removal.unfinished());
  for (const name of names) {
    const status = known.get(name);
    if (status !== undefined) {
      if (!mayBePruned(status)) {
        problems.add(`${name} is ${status.state}: cancel it first, or wait for its end`);
      }
      continue;
    }
    if (unfinished.has(name) || (await withTimeout(removal.rejected())).includes(name)) {
      continue;
    }
    const place = await placeWith(name, results);
    if (place === undefined) {
      const similar = nearest(name, await withTimeout(ledger.batches()));
      const hint = similar.length > 0 ? `; did you mean ${similar.join(' or ')}?` : '';
      problems.add(`no batch "${name}" is known${hint}`);
    } else if (!withOrphans) {
      problems.add(
        `${name} has results in ${place.store.location}, but this Redis knows no such batch; ` +
          '--orphans removes them',
      );
    }
  }
}

/** The first place with results of the batch. */
async function placeWith(
  batch: string,
  places: readonly OpenPlace[],
): Promise<OpenPlace | undefined> {
  for (const place of isBatchId(batch) ? places : []) {
    if ((await place.store.manifest(batch)) !== undefined) {
      return place;
    }
  }
  return undefined;
}
