import type { WorkerReport, Workers } from '@fetchfleet/fleet';
import type { Every, Logger } from '@fetchfleet/service';
import type { Redis } from 'ioredis';

const INTERVAL_MS = 2_000;
/** Redis counts as away when it has not answered for this long: two intervals. */
const SILENCE_MS = 5_000;
/** Reports that the reported rate is averaged over. */
const RATE_REPORTS = 5;

/** What a worker reports of itself, and how many records it has written since its start. */
export type OwnReport = Omit<WorkerReport, 'id' | 'uptimeMs' | 'fetchesPerSecond'> & {
  readonly recorded: number;
};

export interface HeartbeatSource {
  readonly report: () => OwnReport;
  /**
   * Called with every report, but before the first answer, and after a silence, not until Redis has
   * answered: what it sends leaves together with the report.
   */
  readonly onBeat: () => Promise<void>;
  /** Somebody has asked this worker to drain. */
  readonly onDrain: () => void;
}

export interface WorkerHeartbeatOptions {
  readonly redis: Redis;
  readonly every: Every;
  readonly workers: Workers;
  readonly worker: string;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
  /** Redis answers, for the first time or again. */
  readonly onConnected: () => void;
}

/**
 * Enters this worker in the register of workers every two seconds. The answers also show whether
 * Redis can be reached; each change of that is logged once.
 */
export class WorkerHeartbeat {
  readonly #options: WorkerHeartbeatOptions;
  #source: HeartbeatSource | undefined;
  #stopTimer: (() => void) | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #wasConnected: boolean | undefined;
  #isStopped = false;
  readonly #startedAt = performance.now();
  readonly #counts: { readonly at: number; readonly recorded: number }[] = [];

  constructor(options: WorkerHeartbeatOptions) {
    this.#options = options;
  }

  /** Whether Redis has answered within the last 5 s. */
  get isConnected(): boolean {
    const { redis } = this.#options;
    return redis.status === 'ready' && performance.now() - this.#answeredAt < SILENCE_MS;
  }

  start(source: HeartbeatSource): void {
    this.#source = source;
    this.#send();
    this.#stopTimer ??= this.#options.every(INTERVAL_MS, () => this.#send());
  }

  async stop(): Promise<void> {
    const { redis, workers, worker } = this.#options;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#isStopped = true;
    if (redis.status === 'ready') {
      await workers.remove(worker);
    }
  }

  /** Reports at once, for a change that others should see before the next interval. */
  sendNow(): void {
    if (this.#stopTimer !== undefined) {
      this.#send();
    }
  }

  #send(): void {
    this.#noticeChange();
    // While Redis is away, reports would only pile up in the client.
    if (this.#options.redis.status !== 'ready' && this.#stopTimer !== undefined) {
      return;
    }
    this.#report().catch(this.#options.onError);
  }

  async #report(): Promise<void> {
    const source = this.#source;
    if (source === undefined) {
      return;
    }
    const { workers, worker } = this.#options;
    const { recorded, ...own } = source.report();
    const answered = this.#answer(
      workers.heartbeat({
        id: worker,
        ...own,
        uptimeMs: Math.round(performance.now() - this.#startedAt),
        fetchesPerSecond: this.#rateOf(recorded),
      }),
    );
    if (!this.isConnected) {
      await answered;
      if (this.#isStopped) {
        return;
      }
    }
    await Promise.all([answered, source.onBeat()]);
  }

  async #answer(report: Promise<boolean>): Promise<void> {
    const { workers, worker } = this.#options;
    const mustDrain = await report;
    // A report that was under way when the worker was taken out has entered it again.
    if (this.#isStopped) {
      await workers.remove(worker);
      return;
    }
    this.#answeredAt = performance.now();
    this.#noticeChange();
    if (mustDrain) {
      this.#source?.onDrain();
    }
  }

  #rateOf(recorded: number): number {
    const now = performance.now();
    this.#counts.push({ at: now, recorded });
    if (this.#counts.length > RATE_REPORTS) {
      this.#counts.shift();
    }
    const [first] = this.#counts;
    const seconds = (now - (first?.at ?? now)) / 1_000;
    return seconds > 0 ? Math.round(((recorded - (first?.recorded ?? 0)) / seconds) * 10) / 10 : 0;
  }

  #noticeChange(): void {
    const { log, onConnected } = this.#options;
    const { isConnected } = this;
    if (isConnected === this.#wasConnected) {
      return;
    }
    if (isConnected) {
      onConnected();
      if (this.#wasConnected === false) {
        log.info('Redis answers');
      }
    } else if (this.#wasConnected === true) {
      log.warn('Redis does not answer; trying again until it does');
    }
    this.#wasConnected = isConnected;
  }
}
