import { isAbsolute } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import {
  type BatchState,
  type BatchStatus,
  keepReferred,
  mayBePruned,
  type Referred,
} from '@fetchfleet/fleet';
import { Place } from '@fetchfleet/results/place';
import type { Context } from '../../core/context.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { openPlace, type OpenPlace } from '../../results/open-place.ts';
import { readReferences } from './referred.ts';
import type { FleetSession } from '../../session/fleet-session.ts';

/** A batch that prune can remove. */
export interface Candidate {
  readonly batch: string;
  /**
   * `orphan`: results without a batch in Redis. `interrupted`: an earlier prune did not finish, or
   * has left slices that workers then rejected.
   */
  readonly state: BatchState | 'orphan' | 'interrupted';
  /** Epoch milliseconds; 0 if unknown. */
  readonly endedAt: number;
  readonly fetches: number;
  /** The places with its records; empty if they are folders on other machines. */
  readonly results: readonly OpenPlace[];
  readonly bytes: number;
}

type Found = Omit<Candidate, 'results' | 'bytes'>;

export interface PruneRules {
  /** Only these batches. @default all */
  readonly only?: ReadonlySet<string>;
  readonly states: readonly BatchState[];
  /** Remove batches that ended at least so long ago, milliseconds. Does not count with `only`. */
  readonly minAgeMs: number;
  /** The places of this command. */
  readonly results: readonly OpenPlace[];
  /** Whether the folders that workers have reported are taken as well. */
  readonly trustsFolders: boolean;
  readonly withOrphans: boolean;
}

export interface PrunePlan {
  readonly candidates: readonly Candidate[];
  /** When their ages were looked at, by the clock of Redis; epoch milliseconds. */
  readonly nowMs: number;
  /** What is old enough and stays all the same. */
  readonly kept: readonly Referred[];
  /** Number of old orphans that are kept. */
  readonly orphansLeft: number;
  /** Places that workers have reported, and that are not touched. */
  readonly otherPlaces: readonly string[];
  /** A sentence for each batch that is left alone, because its results cannot be read. */
  readonly unreadable: readonly string[];
}

/** The batches that a prune removes, oldest first. */
export async function planPrune(
  session: FleetSession,
  rules: PruneRules,
  context: Context,
): Promise<PrunePlan> {
  const nowMs = await session.now();
  const before = rules.only === undefined ? nowMs - rules.minAgeMs : Number.POSITIVE_INFINITY;
  const ids = await withTimeout(session.ledger.batches());
  const candidates: Candidate[] = [];
  const others = new Set<string>();
  const unreadable: string[] = [];
  const add = async (found: Found, reported: readonly string[]): Promise<void> => {
    try {
      candidates.push(await measured(found, await placesOf(reported, rules, { others, context })));
    } catch (error) {
      unreadable.push(`${found.batch} was passed over: ${toError(error).message}`);
    }
  };
  const isMeant = (batch: string): boolean => rules.only?.has(batch) ?? true;
  const unfinished = await withTimeout(session.removal.unfinished());
  for (const [batch, folders] of unfinished) {
    if (!isMeant(batch)) {
      continue;
    }
    const found = { batch, state: 'interrupted', endedAt: 0, fetches: 0 } as const;
    await add(found, folders.split('\n'));
  }
  for (const batch of await withTimeout(session.removal.rejected())) {
    if (isMeant(batch) && !unfinished.has(batch)) {
      // Its results are those of an orphan: Redis may have lost the batch.
      const found = { batch, state: 'interrupted', endedAt: 0, fetches: 0 } as const;
      candidates.push({ ...found, results: [], bytes: 0 });
    }
  }
  const statuses = await withTimeout(session.ledger.statuses(ids));
  for (const status of statuses) {
    const endedAt = isMeant(status.batch) ? endOf(status, rules, before) : undefined;
    if (endedAt !== undefined) {
      const { batch, state, total } = status;
      await add({ batch, state, endedAt, fetches: total }, status.resultsFolders);
    }
  }
  const known = new Set([...ids, ...unfinished.keys()]);
  const orphans = (await orphansOf(known, rules, before)).filter(({ batch }) => isMeant(batch));
  if (rules.withOrphans) {
    candidates.push(...orphans);
  }
  const places = new Set([...rules.results, ...candidates.flatMap(({ results }) => results)]);
  const stores = [...places].map(({ store }) => store);
  const references = await readReferences(session, { stores, statuses, candidates });
  const { removed, kept } = keepReferred(candidates, references);
  return {
    kept,
    nowMs,
    candidates: removed.toSorted((one, other) => one.endedAt - other.endedAt),
    orphansLeft: rules.withOrphans ? 0 : orphans.length,
    otherPlaces: [...others],
    unreadable,
  };
}

/** When a batch ended that is old enough; undefined for all others. @param before epoch ms */
function endOf(status: BatchStatus, { states }: PruneRules, before: number): number | undefined {
  const { state } = status;
  if (!states.includes(state) || !mayBePruned(status)) {
    return undefined;
  }
  const ended = state === 'finished' ? status.finishedAt : status.cancelledAt;
  const endedAt = Date.parse(ended ?? status.createdAt);
  return endedAt > before ? undefined : endedAt;
}

/**
 * The places to look in. What Redis says of them is not obeyed, because everybody who may write to
 * it could name one. Addresses are never obeyed: a server elsewhere would get a password.
 *
 * @param others gets the places that are not touched
 */
async function placesOf(
  reported: readonly string[],
  { results, trustsFolders }: PruneRules,
  { others, context }: { readonly others: Set<string>; readonly context: Context },
): Promise<readonly OpenPlace[]> {
  const own = new Set(results.map(({ store }) => store.location));
  const trusted: OpenPlace[] = [];
  for (const location of new Set(reported)) {
    if (location === '' || own.has(location)) {
      continue;
    }
    if (trustsFolders && isAbsolute(location)) {
      trusted.push(await openPlace(Place.parse(location, context.cwd), context));
    } else {
      others.add(location);
    }
  }
  return [...trusted, ...results];
}

/** Looks for the results in these places. The folder of a worker can be on another machine. */
async function measured(candidate: Found, places: readonly OpenPlace[]): Promise<Candidate> {
  const results: OpenPlace[] = [];
  let bytes = 0;
  for (const place of places) {
    const found = await place.store.measure(candidate.batch);
    if (found !== undefined) {
      results.push(place);
      bytes += found.bytes;
    }
  }
  return { ...candidate, results, bytes };
}

/** Results without a batch in Redis. Their age is that of their last change. */
async function orphansOf(
  known: ReadonlySet<string>,
  { results }: PruneRules,
  before: number,
): Promise<Candidate[]> {
  const orphans: Candidate[] = [];
  for (const place of results) {
    for (const batch of await place.store.batches()) {
      const found = known.has(batch) ? undefined : await place.store.measure(batch);
      if (found === undefined || found.changedAt > before) {
        continue;
      }
      const { bytes, changedAt: endedAt } = found;
      orphans.push({ batch, state: 'orphan', endedAt, fetches: 0, results: [place], bytes });
    }
  }
  return orphans;
}
