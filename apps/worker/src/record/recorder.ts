import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, Settlement } from '@fetchfleet/fleet';
import { UnknownBatchError } from '@fetchfleet/fleet';
import type { Sink } from '@fetchfleet/results';

/** Records gather for this long before they are flushed together, so that one fsync serves many. */
const GATHER_MS = 10;
/** … or for this long while no slice waits for them, because each has more to start: then there is no hurry. */
const LAZY_GATHER_MS = 500;
/** … or until so many bytes have gathered. */
const GATHER_BYTES = 1024 * 1024;
/** Nothing more is fetched while so many bytes wait for the sink. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** Between attempts to write to a sink that fails. */
const RETRY_MS = 1_000;

/** Told once: true when the record is durable and the ledger knows, false if that will not be. Must not throw. */
export type Recorded = (isRecorded: boolean) => void;

interface Entry {
  readonly line: string;
  readonly settlement: Settlement;
  readonly recorded: Recorded;
}

export interface RecorderOptions {
  readonly sink: Sink;
  readonly ledger: Ledger;
  /** Told at every failed flush; the recorder itself tries again. */
  readonly onSinkError: (error: unknown) => void;
  readonly onRecovered: () => void;
  readonly onRecorded: (records: number) => void;
  /** Told by the one worker that settled the last fetch of a batch. */
  readonly onFinished: (batch: string) => void;
}

/**
 * Where records become durable, and only then known: gathered → sink (fsync) → ledger → recorded. While the
 * sink fails the records stay here and {@link ready} holds new fetches back, so that memory is bounded and nothing that
 * is not stored is acknowledged.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #stop = new AbortController();
  readonly #readyWaiters: (() => void)[] = [];
  #gathered = new Map<string, Entry[]>();
  #gatheredBytes = 0;
  #pendingBytes = 0;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;
  #isTimerLazy = false;
  #hurried = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** False while the sink fails. */
  get isHealthy(): boolean {
    return !this.#isFailing;
  }

  /** Whether records may be added: the sink works and is not far behind. */
  get isReady(): boolean {
    const isRoomy = !this.#isFailing && this.#pendingBytes < MAX_PENDING_BYTES;
    return isRoomy || this.#stop.signal.aborted;
  }

  /** Resolves when it is ready. */
  async ready(): Promise<void> {
    while (!this.isReady) {
      await new Promise<void>((resolve) => {
        this.#readyWaiters.push(resolve);
      });
    }
  }

  /** A record is taken back only by a recorder that was stopped with its sink failing, or if the ledger refuses it. */
  record(batch: string, line: string, settlement: Settlement, recorded: Recorded): void {
    const entry = { line, settlement, recorded };
    const entries = this.#gathered.get(batch);
    if (entries === undefined) this.#gathered.set(batch, [entry]);
    else entries.push(entry);
    this.#gatheredBytes += line.length;
    this.#pendingBytes += line.length;
    if (this.#gatheredBytes >= GATHER_BYTES) this.#flushGathered();
    else this.#flushSoon();
  }

  /** Work that ends when its last records are durable: meanwhile they gather for as short as makes sense. */
  async hurry<T>(work: Promise<T>): Promise<T> {
    this.#hurried += 1;
    if (this.#timer !== undefined) this.#flushSoon();
    try {
      return await work;
    } finally {
      this.#hurried -= 1;
    }
  }

  #flushSoon(): void {
    const isLazy = this.#hurried === 0;
    // What gathers for a long time is flushed early when somebody begins to wait for it, but not the other way round.
    if (this.#timer !== undefined && (isLazy || !this.#isTimerLazy)) return;
    clearTimeout(this.#timer);
    this.#isTimerLazy = isLazy;
    this.#timer = setTimeout(() => this.#flushGathered(), isLazy ? LAZY_GATHER_MS : GATHER_MS);
  }

  /** Gives up on a failing sink: what it has not taken is rejected, and so stays unsettled. */
  stop(): void {
    this.#stop.abort();
    this.#flushGathered();
    this.#wake();
  }

  #wake(): void {
    if (this.isReady) for (const wake of this.#readyWaiters.splice(0)) wake();
  }

  #flushGathered(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#gathered;
    this.#gathered = new Map();
    this.#gatheredBytes = 0;
    for (const [batch, entries] of gathered) void this.#finish(batch, entries);
  }

  async #finish(batch: string, entries: readonly Entry[]): Promise<void> {
    const isRecorded = await this.#flush(batch, entries).then(
      () => true,
      () => false,
    );
    for (const entry of entries) entry.recorded(isRecorded);
  }

  async #flush(batch: string, entries: readonly Entry[]): Promise<void> {
    const lines = entries.map((entry) => entry.line);
    const bytes = lines.reduce((sum, line) => sum + line.length, 0);
    try {
      await this.#append(batch, lines);
      this.#options.onRecorded(lines.length);
      await this.#settle(batch, entries);
    } finally {
      this.#pendingBytes -= bytes;
      this.#wake();
    }
  }

  async #append(batch: string, lines: readonly string[]): Promise<void> {
    for (;;) {
      try {
        await this.#options.sink.append(batch, lines);
        if (this.#isFailing) {
          this.#isFailing = false;
          this.#options.onRecovered();
        }
        return;
      } catch (error) {
        this.#isFailing = true;
        this.#options.onSinkError(error);
        if (this.#stop.signal.aborted) throw error;
        await sleep(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => {
          throw error;
        });
      }
    }
  }

  async #settle(batch: string, entries: readonly Entry[]): Promise<void> {
    try {
      const settlements = entries.map((entry) => entry.settlement);
      const { finished } = await this.#options.ledger.settle(batch, settlements);
      if (finished) this.#options.onFinished(batch);
    } catch (error) {
      // The batch was removed while it ran: there is nobody left to tell.
      if (!(error instanceof UnknownBatchError)) throw error;
    }
  }
}
