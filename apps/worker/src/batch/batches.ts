import { compileTemplate, type Plan, resolveHeaders, secretHeaders } from '@fetchfleet/crawl';
import { userAgentFor } from '@fetchfleet/fetcher';
import type { BatchState, Ledger } from '@fetchfleet/fleet';

/** How soon a cancelled or paused batch is noticed. */
const WATCH_MS = 1_000;
/** A batch that has had no slice here for so long is forgotten. */
const FORGET_MS = 60_000;
/** Batches named to others: a list for people. */
const MAX_TOLD = 20;

/** A batch as a worker sees it: the plan made ready to fetch. */
export interface ActiveBatch {
  readonly id: string;
  readonly plan: Plan;
  readonly total: number;
  readonly createdAt: number;
  /** Values of the parameters, in the order of the plan, to a URL. */
  readonly expand: (values: readonly string[]) => string;
  /** With secrets in place: never to be logged or stored. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names of headers that hold a secret. */
  readonly secretHeaders: readonly string[];
  /** Variables this worker lacks; nothing may be fetched while there are any. */
  readonly missingSecrets: readonly string[];
  readonly state: BatchState;
  /** Aborted when the batch is cancelled. */
  readonly cancelled: AbortSignal;
  /** Aborted when the batch is paused; another one from when it is resumed. */
  readonly paused: AbortSignal;
}

type WatchedBatch = ActiveBatch & { state: BatchState; paused: AbortSignal };

interface Entry {
  readonly batch: Promise<WatchedBatch | undefined>;
  readonly cancel: AbortController;
  pause: AbortController;
  users: number;
  lastUsed: number;
}

export interface BatchesOptions {
  readonly ledger: Ledger;
  /** The results folder, told to the ledger. */
  readonly results: string;
  /** Where secrets are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onError: (error: unknown) => void;
}

/** The batches this worker has slices of, read once from the ledger and watched for being cancelled or paused. */
export class Batches {
  readonly #options: BatchesOptions;
  readonly #entries = new Map<string, Entry>();
  #watch: NodeJS.Timeout | undefined;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#watch ??= setInterval(() => {
      this.#look().catch(this.#options.onError);
    }, WATCH_MS);
  }

  stop(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  /** Ids of the batches that slices are worked on of; the first twenty. */
  get used(): string[] {
    const used: string[] = [];
    for (const [id, { users }] of this.#entries) {
      if (users > 0 && used.push(id) === MAX_TOLD) break;
    }
    return used;
  }

  /** Runs `work` with the batch, undefined when the ledger does not know it; it is watched meanwhile. */
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
    if (known !== undefined) return known;
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

  /** What is not known, or could not be asked, is asked anew next time. */
  async #forgetIfUnknown(id: string, entry: Entry): Promise<void> {
    const batch = await entry.batch.catch(() => undefined); // whoever uses it is told
    if (batch === undefined) this.#forget(id, entry);
  }

  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
  }

  async #open(
    id: string,
    signals: Pick<ActiveBatch, 'cancelled' | 'paused'>,
  ): Promise<WatchedBatch | undefined> {
    const opened = await this.#options.ledger.open(id, this.#options.results);
    if (opened === undefined) return undefined;
    const { plan, state, total, createdAt } = opened;
    const resolved = resolveHeaders(plan.headers, this.#options.env);
    return {
      id,
      plan,
      total,
      createdAt,
      state,
      expand: compileTemplate(plan.url, plan.params).expand,
      headers:
        'headers' in resolved
          ? { 'user-agent': userAgentFor(plan.contact), ...resolved.headers }
          : {},
      secretHeaders: secretHeaders(plan.headers),
      missingSecrets: 'missing' in resolved ? resolved.missing : [],
      ...signals,
    };
  }

  async #look(): Promise<void> {
    // The client sends together what is asked for together.
    await Promise.all([...this.#entries].map(async ([id, entry]) => this.#lookAt(id, entry)));
  }

  async #lookAt(id: string, entry: Entry): Promise<void> {
    const [batch, state] = await Promise.all([
      entry.batch.catch(() => undefined), // whoever uses it is told
      this.#options.ledger.state(id),
    ]);
    if (batch === undefined || state === undefined || state === 'cancelled') {
      entry.cancel.abort(new Error(`batch ${id} was cancelled`));
      this.#forget(id, entry); // asked for again, it is read afresh: it may have been resumed
    } else if (entry.users === 0 && Date.now() - entry.lastUsed > FORGET_MS) {
      this.#forget(id, entry);
    } else {
      batch.state = state;
      tellPause(entry, batch);
    }
  }
}

function tellPause(entry: Entry, batch: WatchedBatch): void {
  if (batch.state === 'paused') {
    entry.pause.abort(new Error(`batch ${batch.id} was paused`));
  } else if (entry.pause.signal.aborted) {
    entry.pause = new AbortController();
    batch.paused = entry.pause.signal;
  }
}
