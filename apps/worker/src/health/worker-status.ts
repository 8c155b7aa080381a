import { hostname } from 'node:os';
import { VERSION } from '@fetchfleet/crawl';
import type { Health, Metrics } from '@fetchfleet/service';
import type { Progress } from './progress.ts';
import type { OwnReport } from './worker-heartbeat.ts';
import { isEnding, type WorkerState } from './worker-state.ts';

export interface WorkerStatusOptions {
  readonly settings: {
    readonly concurrency: number;
    readonly transport: 'got' | 'native';
    readonly metricsHost: string;
    readonly allowPrivate: boolean;
    readonly secrets: { readonly entries: readonly string[] };
    readonly allowProxy: { readonly entries: readonly string[] };
    readonly allowInsecureTls: boolean;
  };
  /** What all fetches go through, without credentials. @default they go directly */
  readonly proxy: string | undefined;
  readonly state: () => WorkerState;
  readonly permits: { readonly inUse: number };
  readonly claims: { readonly active: number };
  readonly fetcher: { readonly lookups: number };
  readonly batches: { readonly inUse: readonly string[] };
  readonly recorder: { readonly isHealthy: boolean };
  readonly heartbeat: { readonly isConnected: boolean };
  readonly watchdog: { readonly reason: string | undefined };
  readonly wallClock: { readonly aheadMs: number };
  readonly progress: Progress;
  readonly metrics: Metrics;
  readonly fleetMetrics: { collect(): Promise<void> };
}

/** The status of a worker: for the register of workers, for Prometheus, and for health checks. */
export class WorkerStatus {
  readonly #options: WorkerStatusOptions;

  constructor(options: WorkerStatusOptions) {
    this.#options = options;
  }

  /** The entry in the register of workers, sent every two seconds. */
  report(metricsPort: number): OwnReport {
    const { settings, proxy, permits, claims, batches, progress, metrics } = this.#options;
    const { concurrency, transport, metricsHost, allowPrivate, secrets } = settings;
    const { allowProxy, allowInsecureTls } = settings;
    const { aheadMs } = this.#options.wallClock;
    return {
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      transport,
      concurrency,
      inFlight: permits.inUse,
      slices: claims.active,
      batches: [...batches.inUse],
      state: this.#reportedState(),
      roles: ['fetch'],
      recorded: progress.recorded,
      metricsUrl: metricsUrlOf(metricsHost, metricsPort),
      allowPrivate,
      secrets: secrets.entries,
      allowProxy: allowProxy.entries,
      allowInsecureTls,
      proxy,
      memoryBytes: process.memoryUsage.rss(),
      eventLoopLagMs: Math.round(metrics.recentLoopLag() * 10_000) / 10,
      clockAheadMs: Math.round(aheadMs),
    };
  }

  /** Sets the gauges, before every scrape. */
  async collect(): Promise<void> {
    const { metrics, permits, claims, fetcher, recorder, heartbeat, progress, watchdog } =
      this.#options;
    metrics.fetchesInFlight.set(permits.inUse);
    metrics.slicesActive.set(claims.active);
    metrics.lookupsInFlight.set(fetcher.lookups);
    metrics.sinkHealthy.set(recorder.isHealthy ? 1 : 0);
    metrics.redisConnected.set(heartbeat.isConnected ? 1 : 0);
    metrics.lastProgress.set((Date.now() - progress.silenceMs) / 1000);
    metrics.wedged.set(watchdog.reason === undefined ? 0 : 1);
    await this.#options.fleetMetrics.collect();
  }

  /** For `/healthz`: fails while the worker makes no progress without a reason. */
  health(): Health {
    const { reason } = this.#options.watchdog;
    return reason === undefined ? { status: 'ok' } : { status: 'fail', reason };
  }

  /** For `/readyz`: fails while the worker cannot take work. */
  ready(): Health {
    const { state, heartbeat, recorder } = this.#options;
    if (isEnding(state())) {
      return { status: 'fail', reason: 'draining' };
    }
    if (!heartbeat.isConnected) {
      return { status: 'fail', reason: 'Redis does not answer' };
    }
    if (!recorder.isHealthy) {
      return { status: 'fail', reason: 'results cannot be written' };
    }
    return { status: 'ok' };
  }

  #reportedState(): OwnReport['state'] {
    const { state, permits, claims, recorder } = this.#options;
    if (isEnding(state())) {
      return 'draining';
    }
    if (!recorder.isHealthy) {
      return 'sink-failing';
    }
    return permits.inUse + claims.active > 0 ? 'working' : 'idle';
  }
}

/**
 * Other machines cannot use an address that stands for all of them: they get the name of this
 * machine.
 */
function metricsUrlOf(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? hostname() : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}/metrics`;
}
