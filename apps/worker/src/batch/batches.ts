import {
  type AnswerReader,
  compileAnswerRules,
  compilePagination,
  compileRevalidation,
  type Pagination,
  type Plan,
  type Revalidation,
} from '@fetchfleet/crawl';
import type { BatchState, Ledger, OpenBatch, ResultsFolder } from '@fetchfleet/fleet';
import type { BatchTrace, Every } from '@fetchfleet/service';
import { capLimits, type ClampedLimit, type LimitCaps } from './limit-caps.ts';
import { type NetworkAccess, type ResolvedNetwork, resolveNetwork } from '@fetchfleet/fetcher';
import { BatchToken, type TokenResult } from './token.ts';
import { type Client, clientOf } from './token-client.ts';
import {
  type ResolvedSecrets,
  resolveSecrets,
  type SecretSource,
  valuesToHide,
} from './secrets.ts';

/** Between checks whether a batch was cancelled or paused. */
const CHECK_MS = 1_000;
/** A batch without a slice here for this long is forgotten. */
const FORGET_MS = 60_000;
/** Batches in the status of the worker, which people read. */
const MAX_REPORTED = 20;

/** A batch in a worker: its plan, ready to fetch. */
export interface ActiveBatch extends ResolvedSecrets, ResolvedNetwork {
  readonly id: string;
  readonly plan: Plan;
  readonly total: number;
  readonly createdAt: number;
  /** Where it came from; undefined unless this worker traces, and its producer did. */
  readonly trace?: BatchTrace | undefined;
  /** Gives what its records must not repeat: never log or store it. */
  readonly secrets: () => readonly string[];
  /** Absent where every fetch is one request. */
  readonly pagination?: Pagination;
  /** What its crawl file says of answers; absent if that is nothing. */
  readonly readAnswer?: AnswerReader;
  /** Absent where everything is fetched whole. */
  readonly revalidation?: Revalidation;
  /** What its requests are authorized by besides its headers. @default nothing */
  readonly token?: BatchToken;
  readonly state: BatchState;
  /** Aborted when the batch is cancelled. */
  readonly cancelled: AbortSignal;
  /** Aborted when the batch is paused. When it is resumed, a new signal takes its place. */
  readonly paused: AbortSignal;
}

type WatchedBatch = ActiveBatch & {
  state: BatchState;
  paused: AbortSignal;
  plan: Plan;
  planRevision: number;
  token?: BatchToken;
};

interface Entry {
  readonly batch: Promise<WatchedBatch | undefined>;
  readonly cancel: AbortController;
  pause: AbortController;
  users: number;
  lastUsed: number;
}

export interface BatchesOptions {
  readonly ledger: Pick<Ledger, 'open' | 'changes'>;
  /** Where batches came from. @default nobody wants to know */
  readonly traceOf?: ((batch: string) => Promise<BatchTrace | undefined>) | undefined;
  /** Where records go, without a password; the ledger keeps it with the batch. */
  readonly results: string;
  /** What is there. */
  readonly folder: () => ResultsFolder;
  readonly secrets: SecretSource;
  readonly network: NetworkAccess;
  readonly requestToken: (batch: ActiveBatch, client: Client) => Promise<TokenResult>;
  readonly caps: LimitCaps;
  /** Called for limits of a crawl that exceed `caps`, when the crawl is read. */
  readonly onClamped: (batch: string, limit: ClampedLimit) => void;
  readonly every: Every;
  readonly onError: (error: unknown) => void;
}

/**
 * The batches that this worker has slices of. Each is read once from the ledger and checked every
 * second for being cancelled, paused, or given other limits.
 */
export class Batches {
  readonly #options: BatchesOptions;
  readonly #entries = new Map<string, Entry>();
  #stopTimer: (() => void) | undefined;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopTimer ??= this.#options.every(CHECK_MS, () => {
      this.#checkAll().catch(this.#options.onError);
    });
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** Ids of the batches with slices in this worker; at most twenty. */
  get inUse(): string[] {
    const ids: string[] = [];
    for (const [id, { users }] of this.#entries) {
      if (users > 0 && ids.push(id) === MAX_REPORTED) {
        break;
      }
    }
    return ids;
  }

  /**
   * Runs `work` with the batch, or with undefined if the ledger does not know it. Meanwhile it is
   * checked.
   */
  async use<T>(id: string, work: (batch: ActiveBatch | undefined) => Promise<T>): Promise<T> {
    const entry = this.#entry(id);
    entry.users += 1;
    try {
      return await work(await entry.batch);
    } finally {
      entry.users -= 1;
      entry.lastUsed = Date.now();
    }
  }

  #entry(id: string): Entry {
    const known = this.#entries.get(id);
    if (known !== undefined) {
      return known;
    }
    const cancel = new AbortController();
    const pause = new AbortController();
    const entry: Entry = {
      batch: this.#open(id, { cancelled: cancel.signal, paused: pause.signal }),
      cancel,
      pause,
      users: 0,
      lastUsed: Date.now(),
    };
    this.#entries.set(id, entry);
    void this.#forgetIfUnknown(id, entry);
    return entry;
  }

  /** A batch that is unknown, or could not be read, is read again next time. */
  async #forgetIfUnknown(id: string, entry: Entry): Promise<void> {
    const batch = await entry.batch.catch(() => undefined); // `use` rejects with the error
    if (batch === undefined) {
      this.#forget(id, entry);
    }
  }

  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) {
      this.#entries.delete(id);
    }
  }

  async #open(
    id: string,
    signals: Pick<ActiveBatch, 'cancelled' | 'paused'>,
  ): Promise<WatchedBatch | undefined> {
    const opened = await this.#openIn(id);
    if (opened === undefined) {
      return undefined;
    }
    const { planRevision, state, total, createdAt } = opened;
    const trace = await this.#options.traceOf?.(id);
    const plan = this.#capped(id, opened.plan);
    const { secretValues, ...resolved } = resolveSecrets(plan, this.#options.secrets);
    const { auth, paginate } = plan;
    const own = valuesToHide(secretValues, plan, resolved.request);
    const secrets = (): readonly string[] =>
      batch.token === undefined ? own : [...own, ...batch.token.values];
    const pagination = paginate && compilePagination(paginate, { ...plan, secrets });
    const readAnswer = compileAnswerRules(plan, secrets);
    const revalidation = compileRevalidation(plan, secrets);
    const batch: WatchedBatch = {
      id,
      plan,
      planRevision,
      total,
      createdAt,
      trace,
      secrets,
      state,
      ...(readAnswer !== undefined && { readAnswer }),
      ...(revalidation !== undefined && { revalidation }),
      ...resolved,
      ...(pagination !== undefined && { pagination }),
      ...resolveNetwork(plan.network, this.#options.network, secretValues),
      ...signals,
    };
    if (auth !== undefined && 'oauth2' in auth) {
      const client = clientOf(auth.oauth2, secretValues);
      batch.token = new BatchToken(async () => this.#options.requestToken(batch, client));
    }
    return batch;
  }

  #capped(id: string, stored: Plan): Plan {
    const { plan, clamped } = capLimits(stored, this.#options.caps);
    for (const limit of clamped) {
      this.#options.onClamped(id, limit);
    }
    return plan;
  }

  async #openIn(id: string): Promise<OpenBatch | undefined> {
    const { ledger, results, folder } = this.#options;
    return ledger.open(id, results, folder());
  }

  async #checkAll(): Promise<void> {
    // The client sends commands that are issued together in one pipeline.
    await Promise.all([...this.#entries].map(async ([id, entry]) => this.#check(id, entry)));
  }

  async #check(id: string, entry: Entry): Promise<void> {
    const [batch, found] = await Promise.all([
      entry.batch.catch(() => undefined), // `use` rejects with the error
      this.#options.ledger.changes(id),
    ]);
    if (batch === undefined || found === undefined || found.state === 'cancelled') {
      entry.cancel.abort(new Error(`batch ${id} was cancelled`));
      this.#forget(id, entry); // the next slice reads it again: it may have been resumed
    } else if (entry.users === 0 && (found.state === 'finished' || isOld(entry))) {
      this.#forget(id, entry);
    } else {
      batch.state = found.state;
      applyPause(entry, batch);
      if (found.planRevision > batch.planRevision) {
        await this.#readPlan(batch);
      }
    }
  }

  /** Only politeness, retry and limits differ: the request stays. Slices to come obey them. */
  async #readPlan(batch: WatchedBatch): Promise<void> {
    const opened = await this.#openIn(batch.id);
    if (opened !== undefined) {
      batch.plan = this.#capped(batch.id, opened.plan);
      batch.planRevision = opened.planRevision;
    }
  }
}

function isOld({ lastUsed }: Entry): boolean {
  return Date.now() - lastUsed > FORGET_MS;
}

function applyPause(entry: Entry, batch: WatchedBatch): void {
  if (batch.state === 'paused') {
    entry.pause.abort(new Error(`batch ${batch.id} was paused`));
  } else if (entry.pause.signal.aborted) {
    entry.pause = new AbortController();
    batch.paused = entry.pause.signal;
  }
}
