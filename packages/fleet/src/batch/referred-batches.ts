import type { BatchStatus } from '../ledger/batch-status.ts';
import type { LedgerReader } from '../ledger/ledger-reader.ts';

/** A batch that stays, because a batch that stays has records whose bodies it has. */
export interface Referred {
  readonly batch: string;
  readonly referredBy: string;
}

/** The batches that each batch refers to. */
export type References = ReadonlyMap<string, readonly string[]>;

/**
 * Splits what could be removed into what can go and what has to stay.
 *
 * @param references of all batches that are known
 */
export function keepReferred<T extends { readonly batch: string }>(
  candidates: readonly T[],
  references: References,
): { readonly removed: readonly T[]; readonly kept: readonly Referred[] } {
  const going = new Set(candidates.map(({ batch }) => batch));
  const kept: Referred[] = [];
  const staying = [...references.keys()].filter((batch) => !going.has(batch));
  // What stays may refer to further batches.
  for (const referredBy of staying) {
    for (const batch of references.get(referredBy) ?? []) {
      if (going.delete(batch)) {
        kept.push({ batch, referredBy });
        staying.push(batch);
      }
    }
  }
  return { removed: candidates.filter(({ batch }) => going.has(batch)), kept };
}

/**
 * What batches were compared with when they started, as Redis knows it. Batches refer to others of
 * their name only.
 *
 * @param batches what to read
 */
export async function referencesOf(
  ledger: Pick<LedgerReader, 'crawl'>,
  batches: readonly Pick<BatchStatus, 'batch'>[],
): Promise<References> {
  const found = await Promise.all(
    batches.map(async ({ batch }) => {
      // What cannot be read cannot be exported either: it refers to nothing.
      const crawl = await ledger.crawl(batch).catch(() => undefined);
      return [batch, crawl?.plan.comparedWith?.refersTo ?? []] as const;
    }),
  );
  return new Map(found);
}
