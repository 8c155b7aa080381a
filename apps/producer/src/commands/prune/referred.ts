import { type BatchStatus, type References, referencesOf } from '@fetchfleet/fleet';
import type { ResultsStore } from '@fetchfleet/results';
import { withTimeout } from '../../core/timeouts.ts';
import type { FleetSession } from '../../session/fleet-session.ts';

interface Known {
  readonly stores: readonly ResultsStore[];
  /** All batches of the ledger. */
  readonly statuses: readonly BatchStatus[];
  /** What could be removed. */
  readonly candidates: readonly { readonly batch: string }[];
}

/**
 * What the batches in places refer to, and those of the ledger that have no results there:
 * they have just begun, or are on another machine. What cannot be read cannot be exported either:
 * it refers to nothing.
 */
export async function readReferences(
  { ledger }: Pick<FleetSession, 'ledger'>,
  { stores, statuses, candidates }: Known,
): Promise<References> {
  const references = new Map<string, string[]>();
  const add = (batch: string, referred: readonly string[] = []): void => {
    references.set(batch, [...(references.get(batch) ?? []), ...referred]);
  };
  for (const store of stores) {
    for (const batch of await store.batches()) {
      add(batch, (await store.manifest(batch))?.revalidate?.refersTo);
    }
  }
  const ids = new Set(candidates.map(({ batch }) => batch));
  const going = statuses.filter(({ batch }) => ids.has(batch));
  const names = new Set(going.map(({ name }) => name));
  // Batches refer to others of their name only.
  const others = statuses.filter(
    ({ batch, name }) => names.has(name) && !ids.has(batch) && !references.has(batch),
  );
  for (const [batch, referred] of await withTimeout(referencesOf(ledger, others))) {
    add(batch, referred);
  }
  return references;
}
