import type { BatchState, BatchStatus } from '@fetchfleet/fleet';
import { measureBatch, storedBatches } from '@fetchfleet/results';
import type { FleetSession } from '../session/fleet-session.ts';
import { withTimeout } from '../core/timeouts.ts';

/** One batch that is to go. */
export interface Candidate {
  readonly batch: string;
  /** `orphan`: results without a ledger entry. `interrupted`: an earlier prune had begun to remove it. */
  readonly state: BatchState | 'orphan' | 'interrupted';
  /** Epoch milliseconds. */
  readonly endedAt: number;
  readonly fetches: number;
  /** The results folder that holds its records; undefined if none is here. */
  readonly results: string | undefined;
  readonly bytes: number;
}

export interface PruneRules {
  readonly states: readonly BatchState[];
  /** Batches that ended before this, epoch milliseconds. */
  readonly before: number;
  /** The results folder of this command. */
  readonly results: string;
  readonly withOrphans: boolean;
}

export interface PrunePlan {
  readonly candidates: readonly Candidate[];
  /** Old results in the folder that no batch of this Redis belongs to, and that stay. */
  readonly orphansLeft: number;
}

/** What a prune would remove, the oldest first. */
export async function planPrune(session: FleetSession, rules: PruneRules): Promise<PrunePlan> {
  const ids = await withTimeout(session.ledger.batches());
  const candidates: Candidate[] = [];
  const unfinished = await withTimeout(session.removal.unfinished());
  for (const [batch, told] of unfinished) {
    candidates.push(
      await measured({ batch, state: 'interrupted', endedAt: 0, fetches: 0 }, [
        told,
        rules.results,
      ]),
    );
  }
  for (const id of ids) {
    const status = await withTimeout(session.ledger.status(id));
    const candidate = status && (await candidateOf(status, rules));
    if (candidate !== undefined) candidates.push(candidate);
  }
  const known = new Set([...ids, ...unfinished.keys()]);
  const orphans = await orphansOf(known, rules);
  if (rules.withOrphans) candidates.push(...orphans);
  return {
    candidates: candidates.toSorted((one, other) => one.endedAt - other.endedAt),
    orphansLeft: rules.withOrphans ? 0 : orphans.length,
  };
}

async function candidateOf(
  status: BatchStatus,
  { states, before, results }: PruneRules,
): Promise<Candidate | undefined> {
  const { batch, state, total } = status;
  if (!states.includes(state)) return undefined;
  const ended = state === 'finished' ? status.finishedAt : status.cancelledAt;
  const endedAt = Date.parse(ended ?? status.createdAt);
  if (endedAt > before) return undefined;
  return measured({ batch, state, endedAt, fetches: total }, [status.results ?? '', results]);
}

/** In the first folder that has its results. A worker's may be on another machine. */
async function measured(
  candidate: Omit<Candidate, 'results' | 'bytes'>,
  folders: readonly string[],
): Promise<Candidate> {
  for (const dir of folders) {
    const found = dir === '' ? undefined : await measureBatch(dir, candidate.batch);
    if (found !== undefined) return { ...candidate, results: dir, bytes: found.bytes };
  }
  return { ...candidate, results: undefined, bytes: 0 };
}

/** Their age is that of the last thing that was written to them. */
async function orphansOf(
  known: ReadonlySet<string>,
  { results, before }: PruneRules,
): Promise<Candidate[]> {
  const orphans: Candidate[] = [];
  for (const batch of await storedBatches(results)) {
    const found = known.has(batch) ? undefined : await measureBatch(results, batch);
    if (found === undefined || found.changedAt > before) continue;
    const { bytes, changedAt: endedAt } = found;
    orphans.push({ batch, state: 'orphan', endedAt, fetches: 0, results, bytes });
  }
  return orphans;
}
