import { randomBytes } from 'node:crypto';
import type { ResultsStore } from '@fetchfleet/results';
import {
  type DescriptorPlan,
  type Logger,
  type Tracing,
  startAll,
  stopAll,
  withTimeout,
} from '@fetchfleet/service';
import { assemble, type AssembledWorker } from './assemble.ts';
import type { WorkerSettings } from './config.ts';
import { isEnding, type WorkerState } from './health/worker-state.ts';
import type { WorkerProxy } from './start/proxies.ts';

/** For giving slices back after the drain timeout. Redis may be away, and nothing waits for it. */
const GIVE_BACK_MS = 3_000;

export interface FleetWorkerOptions {
  readonly settings: WorkerSettings;
  /** Where records go. */
  readonly store: ResultsStore;
  readonly descriptors: DescriptorPlan;
  /** Holds the values of secrets. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What its fetches go through; undefined if they go to their origins directly. */
  readonly proxy: WorkerProxy | undefined;
  readonly log: Logger;
  /** Whether nothing else runs in this process, so that its clock may be corrected. */
  readonly isOwnProcess: boolean;
  /** Where spans go. It is stopped by whoever has opened it. @default nothing is traced */
  readonly tracing?: Tracing | undefined;
  /** The worker is stuck and new connections did not help: end the process, and start a new one. */
  readonly onHopeless: (reason: string) => void;
  /** Somebody has asked this worker to drain: call {@link FleetWorker.drain}. */
  readonly onDrain: () => void;
}

/**
 * One worker: claim → gate → fetch → record → settle. Workers share nothing but Redis.
 *
 *     starting ──all parts have started──▶ ready
 *        │                                   │
 *        └─────────────drain()───────────────┴──▶ draining ──slices have ended──▶ stopped
 *                                                    │                              ▲
 *                                                    └──drain timeout──▶ forced ────┘
 *
 * - `starting`: the parts start in order; from the wall clock on they wait for Redis. Nothing is
 *   claimed.
 * - `ready`: slices and ticks are claimed, fetched and recorded.
 * - `draining`: nothing is claimed, no fetch is started. Running fetches may end; the rest of their
 *   slices goes back to the queue, with no attempt used.
 * - `forced`: running fetches are given up and their slices go back as well. A failing sink is not
 *   waited for.
 * - `stopped`: all parts have stopped, in reverse order; nothing of this worker is left in Redis.
 *   Where Redis does not answer, the worker is stopped 3 s after the drain timeout all the same;
 *   its slices come back when their claims expire.
 */
export class FleetWorker {
  readonly id = `w-${randomBytes(4).toString('hex')}`;
  readonly #settings: WorkerSettings;
  /** Where records go, without a password. */
  readonly #results: string;
  readonly #log: Logger;
  readonly #draining = new AbortController();
  readonly #forced = new AbortController();
  readonly #assembled: AssembledWorker;
  #state: WorkerState = 'starting';
  #drained: Promise<void> | undefined;

  constructor({ log, onDrain, ...options }: FleetWorkerOptions) {
    this.#settings = options.settings;
    this.#results = options.store.location;
    this.#log = log.child({ worker: this.id });
    this.#assembled = assemble({
      ...options,
      tracing: options.tracing,
      id: this.id,
      log: this.#log,
      state: () => this.#state,
      draining: this.#draining.signal,
      forced: this.#forced.signal,
      onDrain: () => {
        if (this.#drained === undefined) {
          onDrain();
        }
      },
    });
  }

  /**
   * Serves metrics, waits for Redis, then claims.
   *
   * @returns the port of the metrics; undefined if the worker was drained meanwhile
   */
  async start(): Promise<number | undefined> {
    const { parts, intake, metricsPort } = this.#assembled;
    const { concurrency, transport } = this.#settings;
    try {
      const isStarted = await startAll([...parts, intake], () => this.#state === 'starting');
      if (!isStarted) {
        return undefined;
      }
    } catch (error) {
      // A part that waited for Redis fails when draining closes its connection.
      if (isEnding(this.#state)) {
        return undefined;
      }
      throw error;
    }
    this.#state = 'ready';
    this.#log.info(
      { concurrency, transport, results: this.#results, metricsPort: metricsPort() },
      'worker ready',
    );
    return metricsPort();
  }

  /**
   * Claims nothing more, lets running fetches end within the drain timeout, gives the rest back,
   * and stops all parts. Calling it again returns the same promise.
   *
   * @throws AggregateError naming the parts that could not be stopped
   */
  async drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const { parts, intake, permits, heartbeat, schedulers } = this.#assembled;
    this.#log.info({ inFlight: permits.inUse }, 'draining');
    this.#state = 'draining';
    this.#draining.abort();
    heartbeat.sendNow();
    schedulers.wake();
    const timer = setTimeout(() => this.#force(), this.#settings.drainTimeoutMs);
    const deadline = { name: 'drain timeout', stop: () => clearTimeout(timer) };
    try {
      const isStopped = await withTimeout(
        stopAll([...parts, deadline, intake]).then(() => true),
        {
          timeoutMs: this.#settings.drainTimeoutMs + GIVE_BACK_MS,
          onTimeout: () => false,
        },
      );
      if (!isStopped) {
        this.#log.warn('slices cannot be given back; they are claimed again when claims expire');
        return;
      }
    } finally {
      this.#state = 'stopped';
    }
    this.#log.info('drained');
  }

  #force(): void {
    const { permits, recorder } = this.#assembled;
    this.#log.warn({ inFlight: permits.inUse }, 'drain timeout passed: giving slices back');
    this.#state = 'forced';
    this.#forced.abort();
    recorder.stop();
  }
}
