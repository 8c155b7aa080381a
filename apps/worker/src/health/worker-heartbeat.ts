import type { WorkerReport, Workers } from '@fetchfleet/fleet';
import type { Logger } from '@fetchfleet/service';
import type { Redis } from 'ioredis';

const BEAT_MS = 2_000;
/** Redis counts as gone when it has not answered for so long: two beats. */
const SILENCE_MS = 5_000;
/** The pace that is told is that of the last beats, so many. */
const PACE_BEATS = 5;

/** What a worker tells of itself, and how many records it has written since its start. */
export type OwnReport = Omit<WorkerReport, 'id' | 'uptimeMs' | 'fetchesPerSecond'> & {
  readonly recorded: number;
};

interface Told {
  /** What this worker is doing just now. */
  readonly report: () => OwnReport;
  /** What else is to be told every two seconds. */
  readonly onBeat: () => Promise<void>;
}

/** Tells the fleet that this worker lives, and this worker whether Redis does. Each change of that is logged once. */
export class WorkerHeartbeat {
  readonly #redis: Redis;
  readonly #workers: Workers;
  readonly #worker: string;
  readonly #log: Logger;
  #told: Told | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastAnswer = 0;
  #wasConnected: boolean | undefined;
  #lastError = '';
  #isStopped = false;
  readonly #startedAt = performance.now();
  readonly #pace: { readonly at: number; readonly recorded: number }[] = [];

  constructor(options: {
    readonly redis: Redis;
    readonly workers: Workers;
    readonly worker: string;
    readonly log: Logger;
  }) {
    this.#redis = options.redis;
    this.#workers = options.workers;
    this.#worker = options.worker;
    this.#log = options.log;
  }

  /** Whether Redis has answered lately. */
  get isConnected(): boolean {
    return this.#redis.status === 'ready' && performance.now() - this.#lastAnswer < SILENCE_MS;
  }

  start(told: Told): void {
    this.#told = told;
    this.#beat();
    this.#timer ??= setInterval(() => this.#beat(), BEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isStopped = true;
    if (this.#redis.status === 'ready') await this.#workers.remove(this.#worker);
  }

  /** An error of any Redis connection: logged once until Redis has answered again. */
  failed(error: Error): void {
    const reason = error.message === '' ? error.name : error.message;
    if (reason === this.#lastError) return;
    this.#lastError = reason;
    this.#log.warn({ reason }, 'Redis trouble; trying again');
  }

  /** Tells at once what has changed, rather than with the next beat. */
  refresh(): void {
    if (this.#timer !== undefined) this.#beat();
  }

  #beat(): void {
    this.#tellChange();
    // While it is away nothing is asked: questions would only pile up.
    if (this.#redis.status !== 'ready' && this.#timer !== undefined) return;
    this.#answer().catch((error: Error) => this.failed(error));
  }

  async #answer(): Promise<void> {
    if (this.#told === undefined) return;
    const { recorded, ...own } = this.#told.report();
    await this.#workers.heartbeat({
      id: this.#worker,
      ...own,
      uptimeMs: Math.round(performance.now() - this.#startedAt),
      fetchesPerSecond: this.#paceOf(recorded),
    });
    // A beat that was under way while the worker took its leave would have put it back.
    if (this.#isStopped) return this.#workers.remove(this.#worker);
    this.#lastAnswer = performance.now();
    this.#tellChange();
    await this.#told.onBeat();
  }

  #paceOf(recorded: number): number {
    const now = performance.now();
    this.#pace.push({ at: now, recorded });
    if (this.#pace.length > PACE_BEATS) this.#pace.shift();
    const [first] = this.#pace;
    const seconds = (now - (first?.at ?? now)) / 1_000;
    return seconds > 0 ? Math.round(((recorded - (first?.recorded ?? 0)) / seconds) * 10) / 10 : 0;
  }

  #tellChange(): void {
    const { isConnected } = this;
    if (isConnected === this.#wasConnected) return;
    if (isConnected) {
      if (this.#wasConnected === false) this.#log.info('Redis answers');
      this.#lastError = '';
    } else if (this.#wasConnected === true) {
      this.#log.warn('Redis does not answer; trying again until it does');
    }
    this.#wasConnected = isConnected;
  }
}
