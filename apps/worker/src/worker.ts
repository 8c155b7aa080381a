import { randomBytes } from 'node:crypto';
import { FleetOverview, Origins } from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { HttpEndpoint, type Logger, stopAll } from '@fetchfleet/service';
import { type Claiming, createClaiming } from './claiming.ts';
import type { WorkerSettings } from './config.ts';
import { createFetching, type Fetching } from './fetching.ts';
import { FleetMetrics } from './health/fleet-metrics.ts';
import { createRecording, type Recording } from './recording.ts';
import { WorkerStatus } from './health/worker-status.ts';
import { WallClock } from './health/wall-clock.ts';
import { warmUp } from './warm-up.ts';
import type { Watchdog } from './health/watchdog.ts';
import { createBase, type WorkerBase } from './worker-base.ts';
import { watchOver } from './health/worker-watch.ts';

export interface FleetWorkerOptions {
  readonly settings: WorkerSettings;
  /** Where secrets are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** This worker is stuck, and new connections did not help: the process should end, and a new one begin. */
  readonly onHopeless: (reason: string) => void;
}

/**
 * One worker process, assembled: claim → gate → fetch → record → settle. It runs from {@link start} until
 * {@link drain}; nothing in it is shared with another worker but Redis.
 */
export class FleetWorker {
  readonly id = `w-${randomBytes(4).toString('hex')}`;
  readonly #base: WorkerBase;
  readonly #recording: Recording;
  readonly #fetching: Fetching;
  readonly #claiming: Claiming;
  readonly #wallClock: WallClock;
  readonly #origins: Origins;
  readonly #fleetMetrics: FleetMetrics;
  readonly #watchdog: Watchdog;
  readonly #vitals: WorkerStatus;
  readonly #endpoint: HttpEndpoint;

  constructor({ settings, env, log, onHopeless }: FleetWorkerOptions) {
    const base = createBase({ id: this.id, settings, log });
    const recording = createRecording(base, env);
    const fetching = createFetching(base);
    const claiming = createClaiming(base, recording, fetching);
    this.#base = base;
    this.#recording = recording;
    this.#fetching = fetching;
    this.#claiming = claiming;
    this.#wallClock = createWallClock(base);
    this.#origins = new Origins(base.redis, base.keys);
    this.#fleetMetrics = new FleetMetrics({
      overview: new FleetOverview(base.redis, base.keys),
      metrics: base.metrics,
      worker: this.id,
    });
    this.#watchdog = watchOver({ base, recording, fetching, claiming, onHopeless });
    this.#vitals = new WorkerStatus({
      base,
      recording,
      claims: claiming.claims,
      watchdog: this.#watchdog,
      fleetMetrics: this.#fleetMetrics,
    });
    this.#endpoint = new HttpEndpoint({
      port: settings.metricsPort,
      host: settings.metricsHost,
      metrics: async () => base.metrics.page(),
      health: () => this.#vitals.health(),
      ready: () => this.#vitals.ready(),
    });
  }

  /** Serves metrics, then waits for Redis and begins to claim. @returns the port of the metrics */
  async start(): Promise<number> {
    const { log, metrics, presence, settings } = this.#base;
    const { results, concurrency, transport } = settings;
    await probeResults(results);
    metrics.concurrency.set(concurrency);
    metrics.onCollect(async () => this.#vitals.collect());
    const metricsPort = await this.#endpoint.start();
    presence.start({
      report: () => this.#vitals.report(metricsPort),
      onBeat: async () => {
        const { origins } = this.#fetching.schedulers;
        await Promise.all([this.#origins.markActive(origins), this.#fleetMetrics.beat()]);
      },
    });
    await Promise.all([warmUp(settings, metricsPort), this.#wallClock.start()]);
    await this.#startWork();
    log.info({ concurrency, transport, results, metricsPort }, 'worker ready');
    return metricsPort;
  }

  async #startWork(): Promise<void> {
    const { claims, loop, scheduler } = this.#claiming;
    const { gateNotifications, schedulers } = this.#fetching;
    gateNotifications.start(
      (origin) => schedulers.invalidate(origin),
      (error) => this.#base.presence.failed(error),
    );
    await claims.start();
    this.#recording.batches.start();
    this.#recording.batchLog.start();
    loop.start();
    this.#watchdog.start();
    scheduler?.start();
  }

  /**
   * Claims nothing more, lets running fetches end within the drain deadline, gives the rest of its slices back, and closes
   * everything. Nothing of it uses an attempt.
   */
  async drain(): Promise<void> {
    const { log, permits, draining, presence, settings } = this.#base;
    log.info({ inFlight: permits.inUse }, 'draining');
    draining.abort();
    presence.refresh();
    this.#fetching.schedulers.nudge();
    const deadline = setTimeout(() => this.#giveUp(), settings.drainTimeout);
    try {
      await Promise.all([this.#claiming.loop.stop(), this.#claiming.scheduler?.stop()]);
    } finally {
      clearTimeout(deadline);
    }
    this.#recording.recorder.stop();
    await this.#stop();
    log.info('drained');
  }

  #giveUp(): void {
    const { log, permits, expired } = this.#base;
    log.warn({ inFlight: permits.inUse }, 'drain deadline passed: giving slices back');
    expired.abort();
    this.#recording.recorder.stop();
  }

  async #stop(): Promise<void> {
    const { redis, queueRedis, metrics, presence } = this.#base;
    const { batches, batchLog, sink } = this.#recording;
    const { gateNotifications, queue, fetcher, schedulers } = this.#fetching;
    await stopAll([
      { stop: async () => redis.disconnect() },
      { stop: async () => queueRedis.disconnect() },
      { stop: async () => gateNotifications.stop() },
      { stop: async () => this.#wallClock.stop() },
      { stop: async () => this.#leaveExport() },
      queue,
      { stop: async () => metrics.stop() },
      sink,
      fetcher,
      presence,
      this.#claiming.claims,
      schedulers,
      { stop: async () => batches.stop() },
      { stop: async () => batchLog.stop() },
      this.#watchdog,
      this.#endpoint,
    ]);
  }

  async #leaveExport(): Promise<void> {
    if (this.#base.redis.status === 'ready') await this.#fleetMetrics.stop();
  }
}

function createWallClock({ redis, log }: WorkerBase): WallClock {
  return new WallClock({
    redis,
    onCorrected: (aheadMs) => {
      const seconds = Math.round(aheadMs / 100) / 10;
      log.warn({ seconds }, "this machine's clock is ahead of Redis': going by Redis");
    },
  });
}
