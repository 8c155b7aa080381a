const TICK_MS = 1_000;
/** An idle worker is answered every 5 s; only a longer silence is worth a question. */
const QUIET_MS = 7_000;
/** Between two such questions. */
const PROBE_EVERY_MS = 2_000;

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
 *      ├──────────────────────────────progress───────────────────────────────────┤
 *      │                                                                         │ as long again
 *      │                                                                         ▼
 *      │                                                                      hopeless: the process should end
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
  #reason: string | undefined;
  #rebuiltAt = Number.POSITIVE_INFINITY;
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
    this.#noticeRecovery();
    if (this.#isHopeless) return;
    if (this.#options.isExcused()) {
      this.#expectedSince = performance.now();
      return;
    }
    if (this.#silenceMs < QUIET_MS || performance.now() < this.#probedAt + PROBE_EVERY_MS) return;
    this.#probedAt = performance.now();
    if (!(await this.#options.probe())) this.#expectedSince = performance.now();
    else if (this.#silenceMs >= this.#options.stallTimeoutMs) await this.#act();
  }

  #noticeRecovery(): void {
    if (this.#reason === undefined) return;
    const progressAt = performance.now() - this.#options.silenceMs();
    if (progressAt <= this.#rebuiltAt) return;
    this.#reason = undefined;
    this.#isHopeless = false;
    this.#rebuiltAt = Number.POSITIVE_INFINITY;
    this.#options.onRecovered();
  }

  async #act(): Promise<void> {
    const { waitsFor, rebuild, onWedged, onRebuilt, onHopeless, silenceMs } = this.#options;
    const seconds = Math.round(silenceMs() / 1000);
    const reason = `no progress for ${seconds} s, though Redis works: it waits for ${waitsFor()}`;
    const isFirst = this.#reason === undefined;
    this.#reason = reason;
    if (!isFirst) {
      this.#isHopeless = true;
      onHopeless(reason);
      return;
    }
    onWedged(reason);
    // What is told as progress from here on is the doing of the new connections.
    this.#rebuiltAt = performance.now();
    this.#expectedSince = this.#rebuiltAt;
    await rebuild();
    onRebuilt();
  }
}
