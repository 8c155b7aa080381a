import type { BatchState, LedgerReader } from '@fetchfleet/fleet';
import type { BatchesDocument } from '../api/documents.ts';
import { Look } from './look.ts';
import { type Watched, watchedDocument } from './watched-batch.ts';

/** Ids that are read: of a longer history, the newest. */
const MAX_IDS = 10_000;
const IDS_EVERY_MS = 2_000;
/** Batches whose states are read for a filter. */
const MAX_STATES = 2_000;
/** States of ended batches that are kept: they rarely change. */
const MAX_KEPT = 20_000;

const UNDER_WAY: readonly string[] = ['expanding', 'running', 'paused'];

export interface BatchQuery {
  /** @default all */
  readonly states: readonly BatchState[];
  /** Part of the id, which begins with the name. @default all */
  readonly name: string;
  /** At most 200. */
  readonly limit: number;
  /** Only batches older than this one. */
  readonly before: string | undefined;
}

export interface BatchListOptions {
  readonly ledger: Pick<LedgerReader, 'batches' | 'states' | 'unfinished'>;
  /** Shares one read of the reader among all who look. */
  readonly watched: Look<readonly Watched[]>;
  /** Some batches, as somebody sees them. */
  readonly some: (ids: readonly string[]) => Promise<readonly Watched[]>;
}

/**
 * Pages of the list of batches. What a page costs Redis: one command for the ids, shared by all
 * viewers, and one for each batch of the page that is under way; with a filter by an end also one,
 * once, for each of the 2,000 newest.
 */
export class BatchList {
  readonly #options: BatchListOptions;
  readonly #ids: Look<readonly string[]>;
  readonly #endedStates = new Map<string, BatchState>();

  constructor(options: BatchListOptions) {
    this.#options = options;
    this.#ids = new Look({
      read: async () => options.ledger.batches(MAX_IDS),
      everyMs: IDS_EVERY_MS,
    });
  }

  /** Whether a batch is known still; of a history that is too long to be read, all are. */
  async known(): Promise<(id: string) => boolean> {
    const ids = new Set(await this.#ids.get());
    return ids.size < MAX_IDS ? (id) => ids.has(id) : () => true;
  }

  async page({ states, name, limit, before }: BatchQuery): Promise<BatchesDocument> {
    const all = await this.#ids.get();
    const named = name === '' ? all : all.filter((id) => id.includes(name));
    const matching = states.length === 0 ? named : await this.#inStates(named, states);
    const start = before === undefined ? 0 : matching.findIndex((id) => id === before) + 1;
    const ids = matching.slice(start, start + limit);
    const hasMore = matching.length > start + limit;
    return {
      batches: (await this.#options.some(ids)).map(watchedDocument),
      total: matching.length,
      next: hasMore ? (ids.at(-1) ?? null) : null,
    };
  }

  async #inStates(
    ids: readonly string[],
    states: readonly BatchState[],
  ): Promise<readonly string[]> {
    const known = new Map<string, BatchState>();
    for (const { status } of await this.#options.watched.get()) {
      known.set(status.batch, status.state);
      this.#endedStates.delete(status.batch);
    }
    const unfinished = new Set(await this.#options.ledger.unfinished());
    const wantsEnded = states.some((state) => !UNDER_WAY.includes(state));
    const candidates = ids.filter((id) => wantsEnded || unfinished.has(id)).slice(0, MAX_STATES);
    const unknown = candidates.filter(
      (id) => !known.has(id) && (unfinished.has(id) || !this.#endedStates.has(id)),
    );
    for (const [at, state] of (await this.#options.ledger.states(unknown)).entries()) {
      const id = unknown[at];
      if (id !== undefined && state !== undefined) {
        known.set(id, state);
        this.#keep(id, state);
      }
    }
    return candidates.filter((id) => {
      const state = known.get(id) ?? this.#endedStates.get(id);
      return state !== undefined && states.includes(state);
    });
  }

  #keep(id: string, state: BatchState): void {
    if (UNDER_WAY.includes(state)) {
      return;
    }
    if (this.#endedStates.size >= MAX_KEPT) {
      this.#endedStates.clear();
    }
    this.#endedStates.set(id, state);
  }
}
