import { refusalCodeOf } from '@fetchfleet/fleet';
import type { Every } from '@fetchfleet/service';

const CHECK_MS = 1_000;
/** An idle worker gets an answer every 5 s; Redis is probed only after a longer silence. */
const QUIET_MS = 7_000;
/**
 * A check that is this late shows that the process itself stood still, so nothing could progress.
 */
const LATE_MS = 5_000;
/** Between two probes of Redis. */
const PROBE_INTERVAL_MS = 2_000;
/** Stuck again within this many stall timeouts after new connections: they did not help. */
const RELAPSE = 3;
/**
 * Refusals of a Redis that will serve claims again: it is full, cannot save, loads, is busy, or
 * waits for its replicas, its master or the rest of its cluster. A new process would be answered
 * the same.
 */
const PASSING: ReadonlySet<string | undefined> = new Set([
  'OOM',
  'MISCONF',
  'LOADING',
  'BUSY',
  'TRYAGAIN',
  'NOREPLICAS',
  'MASTERDOWN',
  'CLUSTERDOWN',
]);

export interface WatchdogOptions {
  readonly every: Every;
  /** Since the last progress: an answer to a claim, or the end of a fetch. */
  readonly silenceMs: () => number;
  /**
   * A silence that lasts this long without an excuse means that the worker is stuck. At least 10 s
   */
  readonly stallTimeoutMs: number;
  /**
   * Whether the worker waits for something that may take long: running fetches, a sink that fails,
   * the end of a drain.
   */
  readonly isExcused: () => boolean;
  /** What Redis answers to claims, if that is an error. */
  readonly refusal: () => string | undefined;
  /** What the worker waits for, for people. */
  readonly waitsFor: () => string;
  /** Whether Redis works over a new connection. */
  readonly probe: () => Promise<boolean>;
  /** Replaces the connections. */
  readonly rebuild: () => Promise<void>;
  readonly onStuck: (reason: string) => void;
  readonly onRebuilt: () => void;
  readonly onRecovered: () => void;
  /** New connections did not help. */
  readonly onHopeless: (reason: string) => void;
  readonly onError: (error: unknown) => void;
}

type WatchdogState =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'stuck'; readonly reason: string }
  | { readonly kind: 'hopeless'; readonly reason: string };

const HEALTHY = { kind: 'healthy' } as const;

/**
 * Checks every second whether the worker makes progress. A connected, running worker may still wait
 * for ever for an answer that the network has lost.
 *
 *     healthy ──stall timeout without progress or excuse──▶ stuck: connections are replaced
 *       ▲                                                     │
 *       └──────────────────────progress───────────────────────┤
 *                                                             │ the same again within three
 *                                                             ▼ stall timeouts
 *                                                           hopeless: the process should end
 *
 * Time in which Redis is away or the worker has an excuse does not count. A Redis that answers
 * claims with errors is not away. While it answers with one that passes by itself, the worker stays
 * stuck instead of hopeless, and tries new connections after every stall timeout.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #state: WatchdogState = HEALTHY;
  #stopTimer: (() => void) | undefined;
  #checking: Promise<void> | undefined;
  /** From here on progress has been expected without interruption. */
  #expectedSince = 0;
  #checkedAt = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  #rebuiltAt = Number.NEGATIVE_INFINITY;
  /** The last probe of Redis failed. */
  #isRedisAway = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Why the worker is stuck; undefined while it is healthy. */
  get reason(): string | undefined {
    return this.#state.kind === 'healthy' ? undefined : this.#state.reason;
  }

  start(): void {
    this.#expectedSince = performance.now();
    this.#checkedAt = performance.now();
    this.#stopTimer ??= this.#options.every(CHECK_MS, () => {
      this.#checking ??= this.#check()
        .catch(this.#options.onError)
        .finally(() => {
          this.#checking = undefined;
        });
    });
  }

  async stop(): Promise<void> {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    await this.#checking;
  }

  /** For how long progress has been expected and has not come. */
  get #silenceMs(): number {
    return Math.min(this.#options.silenceMs(), performance.now() - this.#expectedSince);
  }

  async #check(): Promise<void> {
    if (this.#state.kind === 'hopeless') {
      return;
    }
    this.#noticeRecovery();
    const isLate = performance.now() > this.#checkedAt + LATE_MS;
    this.#checkedAt = performance.now();
    if (isLate || this.#options.isExcused()) {
      this.#expectedSince = performance.now();
      return;
    }
    const isProbing = this.#isRedisAway || this.#silenceMs >= QUIET_MS;
    if (!isProbing || performance.now() < this.#probedAt + PROBE_INTERVAL_MS) {
      return;
    }
    this.#probedAt = performance.now();
    // A Redis that refuses is not away, whatever it answers to a probe.
    const isRefused = this.#options.refusal() !== undefined;
    this.#isRedisAway = !isRefused && !(await this.#options.probe());
    if (this.#isRedisAway) {
      this.#expectedSince = performance.now();
    } else if (this.#silenceMs >= this.#options.stallTimeoutMs) {
      await this.#act();
    }
  }

  #noticeRecovery(): void {
    const progressAt = performance.now() - this.#options.silenceMs();
    // Only progress after the new connections shows that they helped.
    if (this.#state.kind !== 'stuck' || progressAt <= this.#rebuiltAt) {
      return;
    }
    this.#state = HEALTHY;
    this.#options.onRecovered();
  }

  async #act(): Promise<void> {
    const { waitsFor, refusal, rebuild, onStuck, onRebuilt, onHopeless, silenceMs } = this.#options;
    const seconds = Math.round(silenceMs() / 1000);
    const refused = refusal();
    const cause =
      refused === undefined
        ? `, though Redis works: it waits for ${waitsFor()}`
        : `: Redis refuses claims (${refused})`;
    const reason = `no progress for ${seconds} s${cause}`;
    const isPassing = refused !== undefined && PASSING.has(refusalCodeOf(refused));
    const isRelapse = performance.now() < this.#rebuiltAt + RELAPSE * this.#options.stallTimeoutMs;
    if (isRelapse && !isPassing) {
      this.#state = { kind: 'hopeless', reason };
      onHopeless(reason);
      return;
    }
    const isNew = this.#state.kind !== 'stuck';
    this.#state = { kind: 'stuck', reason };
    if (isNew) {
      onStuck(reason);
    }
    this.#rebuiltAt = performance.now();
    this.#expectedSince = this.#rebuiltAt;
    await rebuild();
    onRebuilt();
  }
}
