import type { BatchStatus } from '@fetchfleet/fleet';
import { readManifest, storedBatches } from '@fetchfleet/results';
import { withTimeout } from '../../core/timeouts.ts';
import type { FleetSession } from '../../session/fleet-session.ts';

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

interface Known {
  readonly dirs: readonly string[];
  /** All batches of the ledger. */
  readonly statuses: readonly BatchStatus[];
  /** What could be removed. */
  readonly candidates: readonly { readonly batch: string }[];
}

/**
 * What the batches in results folders refer to, and those of the ledger that have no results there:
 * they have just begun, or are on another machine. What cannot be read cannot be exported either:
 * it refers to nothing.
 */
export async function readReferences(
  { ledger }: Pick<FleetSession, 'ledger'>,
  { dirs, statuses, candidates }: Known,
): Promise<References> {
  const references = new Map<string, string[]>();
  const add = (batch: string, referred: readonly string[] = []): void => {
    references.set(batch, [...(references.get(batch) ?? []), ...referred]);
  };
  for (const dir of dirs) {
    for (const batch of await storedBatches(dir)) {
      add(batch, (await readManifest(dir, batch))?.revalidate?.refersTo);
    }
  }
  const ids = new Set(candidates.map(({ batch }) => batch));
  const going = statuses.filter(({ batch }) => ids.has(batch));
  const names = new Set(going.map(({ name }) => name));
  // Batches refer to others of their name only.
  const others = statuses.filter(
    ({ batch, name }) => names.has(name) && !ids.has(batch) && !references.has(batch),
  );
  await Promise.all(
    others.map(async ({ batch }) => {
      const crawl = await withTimeout(ledger.crawl(batch)).catch(() => undefined);
      add(batch, crawl?.plan.comparedWith?.refersTo);
    }),
  );
  return references;
}
