const TICK_MS = 1_000;
/** An idle worker is answered every 5 s; only a longer silence is worth a question. */
const QUIET_MS = 7_000;
/** A look that comes so late says that this process itself stood still: nothing could have been noticed meanwhile. */
const LATE_MS = 5_000;
/** Between two such questions. */
const PROBE_EVERY_MS = 2_000;
/** Stuck again so many stall timeouts after new connections: they did not help, whatever they brought at first. */
const RELAPSE = 3;

export interface WatchdogOptions {
  /** Since the last progress: an answer to a claim, or the end of a fetch. */
  readonly silenceMs: () => number;
  /** A silence that has lasted for so long, with nothing to explain it, is a wedge. At least 10 s */
  readonly stallTimeoutMs: number;
  /** Whether this worker waits for what may well take its time: running fetches, a sink that fails, the end of a drain. */
  readonly isExcused: () => boolean;
  /** What is waited for, for people. */
  readonly waitsFor: () => string;
  /** Whether Redis works, for somebody who comes anew. */
  readonly probe: () => Promise<boolean>;
  /** Replaces the connections. */
  readonly rebuild: () => Promise<void>;
  readonly onWedged: (reason: string) => void;
  readonly onRebuilt: () => void;
  readonly onRecovered: () => void;
  /** New connections did not help either. */
  readonly onHopeless: (reason: string) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Looks whether this worker gets anywhere. That a worker is connected and "running" says nothing: a client may wait for ever for
 * an answer that the network has lost.
 *
 *     well ──no progress for a while, without an excuse, though Redis works──▶ wedged: connections are replaced
 *      ▲                                                                         │
 *      └──────────────────────────────progress───────────────────────────────────┤
 *                                                                                │ stuck for as long again, or soon again
 *                                                                                ▼
 *                                                                             hopeless: the process should end
 *
 * While Redis is away the silence is not counted, nor for as long as somebody has an excuse.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;
  /** From here on progress has been expected without a break. */
  #expectedSince = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  #isAway = false;
  #lookedAt = 0;
  #reason: string | undefined;
  #rebuiltAt = Number.NEGATIVE_INFINITY;
  #isHopeless = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Why this worker is stuck; undefined while it is not. */
  get reason(): string | undefined {
    return this.#reason;
  }

  start(): void {
    this.#expectedSince = performance.now();
    this.#lookedAt = performance.now();
    this.#timer ??= setInterval(() => {
      this.#checking ??= this.#check()
        .catch(this.#options.onError)
        .finally(() => {
          this.#checking = undefined;
        });
    }, TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#checking;
  }

  /** How long progress has been missed. */
  get #silenceMs(): number {
    return Math.min(this.#options.silenceMs(), performance.now() - this.#expectedSince);
  }

  async #check(): Promise<void> {
    if (this.#isHopeless) return;
    this.#noticeRecovery();
    const isLate = performance.now() > this.#lookedAt + LATE_MS;
    this.#lookedAt = performance.now();
    if (isLate || this.#options.isExcused()) {
      this.#expectedSince = performance.now();
      return;
    }
    const isAsking = this.#isAway || this.#silenceMs >= QUIET_MS;
    if (!isAsking || performance.now() < this.#probedAt + PROBE_EVERY_MS) return;
    this.#probedAt = performance.now();
    this.#isAway = !(await this.#options.probe());
    if (this.#isAway) this.#expectedSince = performance.now();
    else if (this.#silenceMs >= this.#options.stallTimeoutMs) await this.#act();
  }

  #noticeRecovery(): void {
    if (this.#reason === undefined) return;
    const progressAt = performance.now() - this.#options.silenceMs();
    // What is told as progress after new connections were made is their doing.
    if (progressAt <= this.#rebuiltAt) return;
    this.#reason = undefined;
    this.#options.onRecovered();
  }

  async #act(): Promise<void> {
    const { waitsFor, rebuild, onWedged, onRebuilt, onHopeless, silenceMs } = this.#options;
    const { stallTimeoutMs } = this.#options;
    const seconds = Math.round(silenceMs() / 1000);
    const reason = `no progress for ${seconds} s, though Redis works: it waits for ${waitsFor()}`;
    this.#reason = reason;
    if (performance.now() < this.#rebuiltAt + RELAPSE * stallTimeoutMs) {
      this.#isHopeless = true;
      onHopeless(reason);
      return;
    }
    onWedged(reason);
    this.#rebuiltAt = performance.now();
    this.#expectedSince = this.#rebuiltAt;
    await rebuild();
    onRebuilt();
  }
}
