import { draftLength, type RecordDraft } from '@fetchfleet/crawl';
import { type Ledger, type Settlement, UnknownBatchError } from '@fetchfleet/fleet';
import type { Gathering, RecordSink } from '@fetchfleet/results';
import { withTimeout } from '@fetchfleet/service';

/**
 * How long records gather, and up to how many bytes, before they are flushed together, so that one
 * fsync serves many. A sink may want more at once.
 */
const GATHERING: Gathering = { ms: 10, bytes: 1024 * 1024 };
/** At least, while nothing waits for any of them, because each slice has more fetches to start. */
const LAZY_GATHER_MS = 500;
/** While this many bytes wait for the sink, no new fetch is started. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** Between attempts to write to a sink that fails. */
const RETRY_MS = 1_000;

/**
 * Called once: with true when the record is durable and in the ledger, with false if it never will
 * be. Must not throw.
 */
export type OnRecorded = (isRecorded: boolean) => void;

export interface RecordEntry {
  readonly draft: RecordDraft;
  readonly settlement: Settlement;
  /** Whether anything waits for it: what has gathered is flushed soon then. @default false */
  readonly isAwaited?: boolean;
  readonly onRecorded: OnRecorded;
}

/** A record whose large body is still being compared with that of an earlier batch. */
export interface LargeRecordEntry extends Omit<RecordEntry, 'draft'> {
  readonly draft: Promise<RecordDraft>;
  /** Of the body. */
  readonly bytes: number;
}

export interface RecorderOptions {
  readonly sink: Pick<RecordSink, 'append' | 'gathering'>;
  readonly ledger: Pick<Ledger, 'settle'>;
  /** Called at every failed flush; the recorder tries again. */
  readonly onSinkError: (error: unknown) => void;
  /** A body could not be compared; its fetch is tried again. */
  readonly onComparisonError: (error: unknown) => void;
  /** The sink works again. */
  readonly onRecovered: () => void;
  /** Called with the number of records that became durable. */
  readonly onRecorded: (records: number) => void;
  /** Fetches of this batch are about to be settled. */
  readonly onSettling?: (batch: string) => void;
  /** These fetches are settled, in one group. */
  readonly onSettled?: (batch: string, settlements: readonly Settlement[]) => void;
  /** Called if this worker settled the last fetch of the batch. */
  readonly onFinished: (batch: string) => void;
}

/**
 * Makes records durable and then settles their fetches:
 *
 *     record ──▶ gathered ──10 ms, 500 ms or 1 MiB──▶ sink ──▶ ledger ──▶ onRecorded(true)
 *                                                     │ ▲        │
 *                                     fails: 1 s ─────┘ │        └─fails──▶ onRecorded(false)
 *                                     later again ──────┘
 *
 * A sink that still fails when the recorder is stopped ends with `onRecorded(false)` as well.
 *
 * Records may gather for longer, as the sink says. Fetches do not wait for them, only the ends of
 * slices and the next pages do.
 *
 * While the sink fails the records stay here and {@link ready} holds new fetches back: memory stays
 * bounded, and nothing is acknowledged before it is stored.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #gathering: Gathering;
  readonly #stop = new AbortController();
  readonly #readyWaiters: (() => void)[] = [];
  #gathered = new Map<string, RecordEntry[]>();
  #gatheredBytes = 0;
  /** Bytes that are not yet in the ledger, the gathered ones included. */
  #pendingBytes = 0;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;
  #isTimerLazy = false;
  /** Calls of {@link hurry} that have not ended. */
  #hurries = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#gathering = options.sink.gathering ?? GATHERING;
  }

  /** False while the sink fails. */
  get isHealthy(): boolean {
    return !this.#isFailing;
  }

  /** Whether fetches may be started: the sink works and is not far behind. True once stopped. */
  get isReady(): boolean {
    const isAccepting = !this.#isFailing && this.#pendingBytes < MAX_PENDING_BYTES;
    return isAccepting || this.#stop.signal.aborted;
  }

  /** Resolves when {@link isReady} is true. */
  async ready(): Promise<void> {
    while (!this.isReady) {
      await new Promise<void>((resolve) => {
        this.#readyWaiters.push(resolve);
      });
    }
  }

  record(batch: string, entry: RecordEntry): void {
    const entries = this.#gathered.get(batch);
    if (entries === undefined) {
      this.#gathered.set(batch, [entry]);
    } else {
      entries.push(entry);
    }
    const bytes = draftLength(entry.draft);
    this.#gatheredBytes += bytes;
    this.#pendingBytes += bytes;
    if (this.#gatheredBytes >= this.#gathering.bytes) {
      this.#flushGathered();
    } else {
      this.#flushSoon(entry.isAwaited);
    }
  }

  /** Records a body when it is compared. It counts as waiting for the sink until then. */
  recordLater(batch: string, entry: LargeRecordEntry): void {
    this.#pendingBytes += entry.bytes;
    void this.#recordCompared(batch, entry);
  }

  /** Runs `work`, which waits for its last records: meanwhile they gather for a short time only. */
  async hurry<T>(work: Promise<T>): Promise<T> {
    this.#hurries += 1;
    if (this.#timer !== undefined) {
      this.#flushSoon();
    }
    try {
      return await work;
    } finally {
      this.#hurries -= 1;
    }
  }

  /**
   * Flushes what has gathered and no longer retries a failing sink: fetches it does not take stay
   * unsettled.
   */
  stop(): void {
    this.#stop.abort();
    this.#flushGathered();
    this.#wakeReady();
  }

  async #recordCompared(
    batch: string,
    { draft, bytes, ...entry }: LargeRecordEntry,
  ): Promise<void> {
    try {
      this.record(batch, { ...entry, draft: await draft });
    } catch (error) {
      this.#options.onComparisonError(error);
      entry.onRecorded(false);
    } finally {
      this.#pendingBytes -= bytes;
      this.#wakeReady();
    }
  }

  #flushSoon(isAwaited = false): void {
    const isLazy = this.#hurries === 0 && !isAwaited;
    // A lazy timer is replaced when somebody begins to wait for records, but not the other way
    // round.
    if (this.#timer !== undefined && (isLazy || !this.#isTimerLazy)) {
      return;
    }
    clearTimeout(this.#timer);
    this.#isTimerLazy = isLazy;
    const { ms } = this.#gathering;
    this.#timer = setTimeout(
      () => this.#flushGathered(),
      isLazy ? Math.max(LAZY_GATHER_MS, ms) : ms,
    );
  }

  #wakeReady(): void {
    if (this.isReady) {
      for (const wake of this.#readyWaiters.splice(0)) {
        wake();
      }
    }
  }

  #flushGathered(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#gathered;
    this.#gathered = new Map();
    this.#gatheredBytes = 0;
    for (const [batch, entries] of gathered) {
      void this.#finish(batch, entries);
    }
  }

  async #finish(batch: string, entries: readonly RecordEntry[]): Promise<void> {
    const isRecorded = await this.#flush(batch, entries).then(
      () => true,
      () => false,
    );
    for (const entry of entries) {
      entry.onRecorded(isRecorded);
    }
  }

  async #flush(batch: string, entries: readonly RecordEntry[]): Promise<void> {
    const drafts = entries.map(({ draft }) => draft);
    const bytes = drafts.reduce((sum, draft) => sum + draftLength(draft), 0);
    try {
      await this.#append(batch, drafts);
      this.#options.onRecorded(drafts.length);
      await this.#settle(batch, entries);
    } finally {
      this.#pendingBytes -= bytes;
      this.#wakeReady();
    }
  }

  async #append(batch: string, drafts: readonly RecordDraft[]): Promise<void> {
    for (;;) {
      try {
        await this.#options.sink.append(batch, drafts);
        if (this.#isFailing) {
          this.#isFailing = false;
          this.#options.onRecovered();
        }
        return;
      } catch (error) {
        this.#isFailing = true;
        this.#options.onSinkError(error);
        if (await this.#isStoppedWithin(RETRY_MS)) {
          throw error;
        }
      }
    }
  }

  async #isStoppedWithin(timeoutMs: number): Promise<boolean> {
    const { signal } = this.#stop;
    const never = new Promise<boolean>(() => undefined);
    return withTimeout(never, { timeoutMs, onTimeout: () => false, signal }).catch(() => true);
  }

  async #settle(batch: string, entries: readonly RecordEntry[]): Promise<void> {
    try {
      const settlements = entries.map((entry) => entry.settlement);
      this.#options.onSettling?.(batch);
      const { finished } = await this.#options.ledger.settle(batch, settlements);
      this.#options.onSettled?.(batch, settlements);
      if (finished) {
        this.#options.onFinished(batch);
      }
    } catch (error) {
      // A batch that was removed while it ran needs no settlement.
      if (!(error instanceof UnknownBatchError)) {
        throw error;
      }
    }
  }
}
