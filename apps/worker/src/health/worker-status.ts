import { hostname } from 'node:os';
import { VERSION } from '@fetchfleet/crawl';
import type { Health } from '@fetchfleet/service';
import type { Claiming } from '../claiming.ts';
import type { FleetMetrics } from './fleet-metrics.ts';
import type { OwnReport } from './worker-heartbeat.ts';
import type { Recording } from '../recording.ts';
import type { Watchdog } from './watchdog.ts';
import type { WorkerBase } from '../worker-base.ts';

/** The parts of a worker that know how it is. */
interface Parts {
  readonly base: WorkerBase;
  readonly recording: Pick<Recording, 'recorder' | 'batches'>;
  readonly claims: Claiming['claims'];
  readonly watchdog: Watchdog;
  readonly fleetMetrics: FleetMetrics;
}

/** How a worker is: for the fleet, for Prometheus, and for whoever restarts it. */
export class WorkerStatus {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What the fleet is told every two seconds. */
  report(metricsPort: number): OwnReport {
    const { base, recording, claims } = this.#parts;
    const { concurrency, transport, metricsHost } = base.settings;
    const inFlight = base.permits.inUse;
    const busy = inFlight > 0 ? 'working' : 'idle';
    const healthy = recording.recorder.isHealthy ? busy : 'sink-failing';
    return {
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      transport,
      concurrency,
      inFlight,
      slices: claims.active,
      batches: recording.batches.used,
      state: base.draining.signal.aborted ? 'draining' : healthy,
      roles: ['fetch'],
      recorded: base.progress.recorded,
      metricsUrl: metricsUrlOf(metricsHost, metricsPort),
    };
  }

  /** Sets the gauges, before every scrape. */
  async collect(): Promise<void> {
    const { base, recording, claims, watchdog, fleetMetrics } = this.#parts;
    const { metrics, permits, presence, progress } = base;
    metrics.fetchesInFlight.set(permits.inUse);
    metrics.slicesActive.set(claims.active);
    metrics.sinkHealthy.set(recording.recorder.isHealthy ? 1 : 0);
    metrics.redisConnected.set(presence.isConnected ? 1 : 0);
    metrics.lastProgress.set((Date.now() - progress.silenceMs) / 1000);
    metrics.wedged.set(watchdog.reason === undefined ? 0 : 1);
    await fleetMetrics.collect();
  }

  /** Whether it gets anywhere. */
  health(): Health {
    const { reason } = this.#parts.watchdog;
    return reason === undefined ? { status: 'ok' } : { status: 'fail', reason };
  }

  /** Whether it could take work now. */
  ready(): Health {
    const { base, recording } = this.#parts;
    if (base.draining.signal.aborted) return { status: 'fail', reason: 'draining' };
    if (!base.presence.isConnected) return { status: 'fail', reason: 'Redis does not answer' };
    if (!recording.recorder.isHealthy) {
      return { status: 'fail', reason: 'results cannot be written' };
    }
    return { status: 'ok' };
  }
}

/** An address that means "all of them" is of no use to others: they get the name of this machine. */
function metricsUrlOf(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? hostname() : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}/metrics`;
}
