import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createFetcher, USER_AGENT } from '@fetchfleet/fetcher';
import {
  fleetKeys,
  FleetOverview,
  Gate,
  GateNews,
  Ledger,
  openRedis,
  Origins,
  RobotsStore,
  SliceClaims,
  SliceParking,
  SliceQueue,
  Workers,
} from '@fetchfleet/fleet';
import { FileSink, probeResults } from '@fetchfleet/results';
import {
  createMetrics,
  type Health,
  HttpEndpoint,
  type Logger,
  type Metrics,
  stopAll,
  toError,
} from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import { BatchLog } from './batch-log.ts';
import { Batches } from './batches.ts';
import { ClaimLoop } from './claim-loop.ts';
import type { WorkerSettings } from './config.ts';
import { FleetMetrics } from './fleet-metrics.ts';
import { Lanes } from './lanes.ts';
import { Permits } from './permits.ts';
import { Presence } from './presence.ts';
import { Recorder } from './recorder.ts';
import { Robots } from './robots.ts';
import { Scheduler } from './scheduler.ts';
import { SliceProcessor } from './slice-processor.ts';
import { VERSION } from './version.ts';
import { WallClock } from './wall-clock.ts';
import { WatchedFetcher } from './watched-fetcher.ts';
import type { Watchdog } from './watchdog.ts';
import { Progress, watchOver } from './worker-watch.ts';

/**
 * One worker process, assembled: claim → gate → fetch → record → settle. It runs from {@link start} until
 * {@link drain}; nothing in it is shared with another worker but Redis.
 */
export class FleetWorker {
  readonly id = `w-${randomBytes(4).toString('hex')}`;
  readonly #settings: WorkerSettings;
  readonly #log: Logger;
  readonly #redis: Redis;
  readonly #queueRedis: Redis;
  readonly #metrics: Metrics;
  readonly #origins: Origins;
  readonly #presence: Presence;
  readonly #permits: Permits;
  readonly #fetcher: WatchedFetcher;
  readonly #sink: FileSink;
  readonly #recorder: Recorder;
  readonly #batches: Batches;
  readonly #lanes: Lanes;
  readonly #claims: SliceClaims;
  readonly #queue: SliceQueue;
  readonly #gateNews: GateNews;
  readonly #wallClock: WallClock;
  readonly #loop: ClaimLoop;
  readonly #scheduler: Scheduler | undefined;
  readonly #progress = new Progress();
  readonly #fleetMetrics: FleetMetrics;
  readonly #watchdog: Watchdog;
  readonly #batchLog: BatchLog;
  readonly #draining = new AbortController();
  readonly #expired = new AbortController();
  readonly #endpoint: HttpEndpoint;
  #metricsPort = 0;
  #recorded = 0;

  constructor(options: {
    readonly settings: WorkerSettings;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
    /** This worker is stuck, and new connections did not help: the process should end, and a new one begin. */
    readonly onHopeless: (reason: string) => void;
  }) {
    const { settings, env, onHopeless } = options;
    this.#settings = settings;
    this.#log = options.log.child({ worker: this.id });
    const keys = fleetKeys(settings.fleet);
    const onRedisError = (error: Error): void => this.#presence.failed(error);
    this.#redis = openRedis(settings.redisUrl, onRedisError);
    this.#queueRedis = openRedis(settings.redisUrl, onRedisError, { isForQueue: true });
    const redis = this.#redis;
    const queueRedis = this.#queueRedis;
    this.#origins = new Origins(redis, keys);
    this.#presence = new Presence({
      redis,
      workers: new Workers(redis, keys),
      worker: this.id,
      log: this.#log,
      report: () => this.#report(),
      onBeat: async () => {
        await Promise.all([this.#origins.seen(this.#lanes.origins), this.#fleetMetrics.beat()]);
      },
    });
    this.#metrics = createMetrics({
      worker: this.id,
      version: VERSION,
      transport: settings.transport,
    });
    this.#fleetMetrics = new FleetMetrics({
      overview: new FleetOverview(redis, keys),
      metrics: this.#metrics,
      worker: this.id,
    });
    this.#permits = new Permits(settings.concurrency);
    const fetcher = createFetcher({
      transport: settings.transport,
      allowPrivate: settings.allowPrivate,
      userAgent: USER_AGENT,
    });
    this.#fetcher = new WatchedFetcher(fetcher, () => this.#progress.fetched.beat());
    const ledger = new Ledger(redis, keys);
    this.#batchLog = new BatchLog({
      log: this.#log,
      status: async (batch) => ledger.status(batch),
    });
    const onError = (error: unknown): void => this.#log.error({ err: toError(error) }, 'failed');
    this.#batches = new Batches({ ledger, results: settings.results, env, onError });
    this.#sink = this.#createSink();
    this.#recorder = this.#createRecorder(ledger);
    const robots = new Robots({
      store: new RobotsStore(redis, keys),
      fetcher: this.#fetcher,
      worker: this.id,
    });
    this.#gateNews = new GateNews(redis, keys);
    this.#wallClock = new WallClock({
      redis,
      onCorrected: (aheadMs) => {
        const seconds = Math.round(aheadMs / 100) / 10;
        this.#log.warn({ seconds }, "this machine's clock is ahead of Redis': going by Redis");
      },
    });
    this.#lanes = new Lanes({
      gate: new Gate({ redis, keys, worker: this.id }),
      permits: this.#permits,
      crawlDelayMs: (origin) => robots.crawlDelayMs(origin),
      maxBlockMs: settings.maxRetryAfter,
      callBack: async (slices) => this.#queue.callBack(slices),
      tellOthers: async (origin) => this.#gateNews.tell(origin),
      log: this.#log,
      onError: (error) => this.#presence.failed(toError(error)),
    });
    this.#claims = new SliceClaims({
      redis: queueRedis,
      keys,
      worker: this.id,
      onError: (error) => this.#presence.failed(error),
      onStalled: (slice) => {
        this.#metrics.sliceStalls.inc();
        const batch = slice.slice(0, slice.lastIndexOf('.'));
        this.#log.warn({ batch, slice }, 'slice of a vanished worker queued again');
      },
    });
    this.#queue = new SliceQueue(queueRedis, keys);
    const processor = new SliceProcessor({
      worker: this.id,
      lanes: this.#lanes,
      robots,
      fetcher: this.#fetcher,
      maxBlockMs: settings.maxRetryAfter,
      recorder: this.#recorder,
      metrics: this.#metrics,
      draining: this.#draining.signal,
      expired: this.#expired.signal,
      batches: this.#batches,
      ledger,
      parking: new SliceParking(redis, keys),
      log: this.#log,
      onTaken: (batch) => this.#batchLog.taken(batch),
    });
    this.#loop = new ClaimLoop({
      claims: this.#claims,
      permits: this.#permits,
      process: async (claim, asked) => processor.process(claim, asked),
      heartbeat: this.#progress.claimed,
      onError: (error) => this.#presence.failed(error),
    });
    if (settings.schedules) {
      this.#scheduler = new Scheduler({
        redis: queueRedis,
        keys,
        worker: this.id,
        ledger,
        queue: this.#queue,
        fetcher: this.#fetcher,
        log: this.#log,
        onError: (error) => this.#presence.failed(error),
      });
    }
    this.#watchdog = watchOver({
      settings,
      progress: this.#progress,
      loop: this.#loop,
      fetcher: this.#fetcher,
      recorder: this.#recorder,
      presence: this.#presence,
      draining: this.#draining.signal,
      claims: this.#claims,
      redis,
      probeKey: keys.probe,
      metrics: this.#metrics,
      log: this.#log,
      onHopeless,
    });
    this.#endpoint = new HttpEndpoint({
      port: settings.metricsPort,
      host: settings.metricsHost,
      metrics: async () => this.#metrics.page(),
      health: () => this.#health(),
      ready: () => this.#ready(),
    });
  }

  /** Serves metrics, then waits for Redis and begins to claim. @returns the port of the metrics */
  async start(): Promise<number> {
    const { results, concurrency, transport } = this.#settings;
    await probeResults(results);
    this.#metrics.concurrency.set(concurrency);
    this.#metrics.onCollect(async () => this.#collect());
    const port = await this.#endpoint.start();
    this.#metricsPort = port;
    this.#presence.start();
    this.#gateNews.start(
      (origin) => this.#lanes.lookAgain(origin),
      (error) => this.#presence.failed(error),
    );
    await this.#wallClock.start();
    await this.#claims.start();
    this.#batches.start();
    this.#batchLog.start();
    this.#loop.start();
    this.#watchdog.start();
    this.#scheduler?.start();
    this.#log.info({ concurrency, transport, results, metricsPort: port }, 'worker ready');
    return port;
  }

  /**
   * Claims nothing more, lets running fetches end within the drain deadline, gives the rest of its slices back, and closes
   * everything. Nothing of it uses an attempt.
   */
  async drain(): Promise<void> {
    this.#log.info({ inFlight: this.#permits.inUse }, 'draining');
    this.#draining.abort();
    this.#presence.refresh();
    this.#lanes.nudge();
    const deadline = setTimeout(() => this.#giveUp(), this.#settings.drainTimeout);
    try {
      await Promise.all([this.#loop.stop(), this.#scheduler?.stop()]);
    } finally {
      clearTimeout(deadline);
    }
    this.#recorder.stop();
    await this.#stop();
    this.#log.info('drained');
  }

  #giveUp(): void {
    this.#log.warn({ inFlight: this.#permits.inUse }, 'drain deadline passed: giving slices back');
    this.#expired.abort();
    this.#recorder.stop();
  }

  async #stop(): Promise<void> {
    await stopAll([
      { stop: async () => this.#redis.disconnect() },
      { stop: async () => this.#queueRedis.disconnect() },
      { stop: async () => this.#gateNews.stop() },
      { stop: async () => this.#wallClock.stop() },
      { stop: async () => this.#leaveExport() },
      this.#queue,
      { stop: async () => this.#metrics.stop() },
      this.#sink,
      this.#fetcher,
      this.#presence,
      this.#claims,
      this.#lanes,
      { stop: async () => this.#batches.stop() },
      { stop: async () => this.#batchLog.stop() },
      this.#watchdog,
      this.#endpoint,
    ]);
  }

  #createSink(): FileSink {
    return new FileSink({
      dir: this.#settings.results,
      worker: this.id,
      manifest: async (id) =>
        this.#batches.use(id, async (batch) => {
          if (batch === undefined) throw new Error(`batch ${id} is unknown`);
          return {
            batch: id,
            name: batch.plan.name,
            total: batch.total,
            params: batch.plan.params,
            url: batch.plan.url,
            createdAt: new Date(batch.createdAt).toISOString(),
          };
        }),
      observe: ({ durationMs, bytes }) => {
        this.#metrics.sinkFlush.observe(durationMs / 1000);
        this.#metrics.recordBytes.inc(bytes);
      },
    });
  }

  #createRecorder(ledger: Ledger): Recorder {
    return new Recorder({
      sink: this.#sink,
      ledger,
      onRecorded: (records) => {
        this.#recorded += records;
        this.#metrics.recordsWritten.inc(records);
      },
      onSinkError: (error) => {
        this.#metrics.sinkErrors.inc();
        this.#log.error({ err: toError(error) }, 'results cannot be written; fetching waits');
      },
      onRecovered: () => this.#log.info('results can be written again'),
      onFinished: (batch) => {
        this.#batchLog.finished(batch).catch((error: unknown) => {
          this.#log.info({ batch, err: toError(error) }, 'batch finished');
        });
      },
    });
  }

  async #leaveExport(): Promise<void> {
    if (this.#redis.status === 'ready') await this.#fleetMetrics.stop();
  }

  async #collect(): Promise<void> {
    const metrics = this.#metrics;
    metrics.fetchesInFlight.set(this.#permits.inUse);
    metrics.slicesActive.set(this.#claims.active);
    metrics.sinkHealthy.set(this.#recorder.isHealthy ? 1 : 0);
    metrics.redisConnected.set(this.#presence.isConnected ? 1 : 0);
    metrics.lastProgress.set((Date.now() - this.#progress.silenceMs) / 1000);
    metrics.wedged.set(this.#watchdog.reason === undefined ? 0 : 1);
    await this.#fleetMetrics.collect();
  }

  /** What the fleet is told every two seconds. */
  #report() {
    const { concurrency, transport, metricsHost } = this.#settings;
    const inFlight = this.#permits.inUse;
    const busy = inFlight > 0 ? ('working' as const) : ('idle' as const);
    const healthy = this.#recorder.isHealthy ? busy : ('sink-failing' as const);
    return {
      host: hostname(),
      pid: process.pid,
      version: VERSION,
      transport,
      concurrency,
      inFlight,
      slices: this.#claims.active,
      batches: this.#batches.used,
      state: this.#draining.signal.aborted ? ('draining' as const) : healthy,
      roles: ['fetch'],
      recorded: this.#recorded,
      metricsUrl: metricsUrlOf(metricsHost, this.#metricsPort),
    };
  }

  #health(): Health {
    const { reason } = this.#watchdog;
    return reason === undefined ? { status: 'ok' } : { status: 'fail', reason };
  }

  #ready(): Health {
    if (this.#draining.signal.aborted) return { status: 'fail', reason: 'draining' };
    if (!this.#presence.isConnected) return { status: 'fail', reason: 'Redis does not answer' };
    if (!this.#recorder.isHealthy) return { status: 'fail', reason: 'results cannot be written' };
    return { status: 'ok' };
  }
}

/** An address that means "all of them" is of no use to others: they get the name of this machine. */
function metricsUrlOf(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? hostname() : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}/metrics`;
}
