import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createFetcher, type Fetcher, USER_AGENT } from '@fetchfleet/fetcher';
import {
  fleetKeys,
  Gate,
  GateNews,
  Ledger,
  openRedis,
  Origins,
  RobotsStore,
  SliceClaims,
  SliceQueue,
  Workers,
} from '@fetchfleet/fleet';
import { FileSink, probeResults } from '@fetchfleet/results';
import {
  createMetrics,
  type Health,
  Heartbeat,
  HttpEndpoint,
  type Logger,
  type Metrics,
  stopAll,
  toError,
} from '@fetchfleet/service';
import type { Redis } from 'ioredis';
import { Batches } from './batches.ts';
import { ClaimLoop } from './claim-loop.ts';
import type { WorkerSettings } from './config.ts';
import { Lanes } from './lanes.ts';
import { Permits } from './permits.ts';
import { Presence } from './presence.ts';
import { Recorder } from './recorder.ts';
import { Robots } from './robots.ts';
import { SliceProcessor } from './slice-processor.ts';
import { VERSION } from './version.ts';
import { WallClock } from './wall-clock.ts';

/** Origins that a scrape asks the gate about. */
const MAX_SHOWN = 100;
/** A claim loop that has not come round for so long, though Redis answers and permits are free, is stuck. */
const MAX_SILENCE_MS = 30_000;

/**
 * One worker process, assembled: claim → gate → fetch → record → settle. It runs from {@link start} until
 * {@link drain}; nothing in it is shared with another worker but Redis.
 */
export class FleetWorker {
  readonly id = `w-${randomBytes(4).toString('hex')}`;
  readonly #settings: WorkerSettings;
  readonly #log: Logger;
  readonly #redis: Redis;
  readonly #metrics: Metrics;
  readonly #origins: Origins;
  readonly #presence: Presence;
  readonly #permits: Permits;
  readonly #fetcher: Fetcher;
  readonly #sink: FileSink;
  readonly #recorder: Recorder;
  readonly #batches: Batches;
  readonly #lanes: Lanes;
  readonly #claims: SliceClaims;
  readonly #queue: SliceQueue;
  readonly #gateNews: GateNews;
  readonly #wallClock: WallClock;
  readonly #loop: ClaimLoop;
  readonly #heartbeat = new Heartbeat();
  readonly #draining = new AbortController();
  readonly #expired = new AbortController();
  readonly #endpoint: HttpEndpoint;
  #metricsPort = 0;
  #recorded = 0;

  constructor(options: {
    readonly settings: WorkerSettings;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
  }) {
    const { settings, env } = options;
    this.#settings = settings;
    this.#log = options.log.child({ worker: this.id });
    const keys = fleetKeys(settings.fleet);
    this.#redis = openRedis(settings.redisUrl, (error) => this.#presence.failed(error));
    const redis = this.#redis;
    this.#origins = new Origins(redis, keys);
    this.#presence = new Presence({
      redis,
      workers: new Workers(redis, keys),
      worker: this.id,
      log: this.#log,
      report: () => this.#report(),
      onBeat: async () => this.#origins.seen(this.#lanes.origins),
    });
    this.#metrics = createMetrics({
      worker: this.id,
      version: VERSION,
      transport: settings.transport,
    });
    this.#permits = new Permits(settings.concurrency);
    this.#fetcher = createFetcher({
      transport: settings.transport,
      allowPrivate: settings.allowPrivate,
      userAgent: USER_AGENT,
    });
    const ledger = new Ledger(redis, keys);
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
      redis,
      keys,
      worker: this.id,
      onError: (error) => this.#presence.failed(error),
      onStalled: (slice) => this.#log.warn({ slice }, 'slice of a vanished worker queued again'),
    });
    this.#queue = new SliceQueue(redis, keys);
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
      log: this.#log,
    });
    this.#loop = new ClaimLoop({
      claims: this.#claims,
      permits: this.#permits,
      process: async (claim, asked) => processor.process(claim, asked),
      heartbeat: this.#heartbeat,
      onError: (error) => this.#presence.failed(error),
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
    this.#loop.start();
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
      await this.#loop.stop();
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
      { stop: async () => this.#gateNews.stop() },
      { stop: async () => this.#wallClock.stop() },
      this.#queue,
      { stop: async () => this.#metrics.stop() },
      this.#sink,
      this.#fetcher,
      this.#presence,
      this.#claims,
      this.#lanes,
      { stop: async () => this.#batches.stop() },
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
      observe: ({ durationMs }) => this.#metrics.sinkFlush.observe(durationMs / 1000),
    });
  }

  #createRecorder(ledger: Ledger): Recorder {
    return new Recorder({
      sink: this.#sink,
      ledger,
      onRecorded: (records, bytes) => {
        this.#recorded += records;
        this.#metrics.recordsWritten.inc(records);
        this.#metrics.recordBytes.inc(bytes);
      },
      onSinkError: (error) => {
        this.#metrics.sinkErrors.inc();
        this.#log.error({ err: toError(error) }, 'results cannot be written; fetching waits');
      },
      onRecovered: () => this.#log.info('results can be written again'),
      onFinished: (batch) => this.#log.info({ batch }, 'batch finished'),
    });
  }

  async #collect(): Promise<void> {
    this.#metrics.fetchesInFlight.set(this.#permits.inUse);
    this.#metrics.slicesActive.set(this.#claims.active);
    for (const [state, count] of Object.entries(await this.#queue.counts())) {
      this.#metrics.queueJobs.set({ state }, count);
    }
    this.#metrics.originsSeen(await this.#origins.list(this.#lanes.origins.slice(0, MAX_SHOWN)));
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
    const isWaiting = !this.#loop.isClaiming || !this.#presence.isConnected;
    if (isWaiting || this.#heartbeat.isAlive(MAX_SILENCE_MS)) return { status: 'ok' };
    const seconds = Math.round(this.#heartbeat.silenceMs / 1000);
    return { status: 'fail', reason: `nothing was claimed or looked for in ${seconds} s` };
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
