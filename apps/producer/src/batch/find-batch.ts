import { type BatchStatus, type Ledger } from '@fetchfleet/fleet';
import { distance } from 'fastest-levenshtein';
import { CommandError } from '../core/command-error.ts';
import { EXIT } from '../core/exit-codes.ts';

const MAX_SUGGESTIONS = 3;

/** The status of a batch; exit 2 with the nearest ids when there is none of that id. */
export async function findBatch(ledger: Ledger, id: string): Promise<BatchStatus> {
  const status = await ledger.status(id);
  if (status !== undefined) return status;
  throw unknownBatch(id, await ledger.batches());
}

export function unknownBatch(id: string, known: readonly string[]): CommandError {
  const near = nearest(id, known);
  const hint = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
  return new CommandError(`no batch "${id}" is known${hint}`, {
    code: 'BATCH_UNKNOWN',
    exitCode: EXIT.badInput,
  });
}

/** Ids that begin like the wrong one, or could be it with a few typing errors; at most three. */
export function nearest(id: string, known: readonly string[]): string[] {
  const isNear = (other: string): boolean =>
    (id.length > 2 && other.startsWith(id)) || distance(id, other) <= Math.max(2, id.length / 4);
  return known
    .filter(isNear)
    .toSorted((a, b) => distance(id, a) - distance(id, b))
    .slice(0, MAX_SUGGESTIONS);
}
