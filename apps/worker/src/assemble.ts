import { hostname } from 'node:os';
import { toError, VERSION } from '@fetchfleet/crawl';
import { createFetcher, USER_AGENT } from '@fetchfleet/fetcher';
import {
  BatchRemoval,
  countAttempts,
  FleetHistory,
  FleetOverview,
  fleetKeys,
  Gate,
  GateNotifications,
  Ledger,
  openRedis,
  Origins,
  Outbox,
  PausedSlices,
  type ResultsFolder,
  RobotsStore,
  ScheduleBatches,
  ShardsWatch,
  SliceClaims,
  SliceQueue,
  Waitlist,
  Workers,
} from '@fetchfleet/fleet';
import { EncodingSink, type ResultsStore, type SinkOptions } from '@fetchfleet/results';
import {
  Beat,
  createMetrics,
  type DescriptorPlan,
  FleetMetrics,
  HttpEndpoint,
  type Logger,
  parseBatchTrace,
  type Part,
  RepeatLog,
  type Tracing,
} from '@fetchfleet/service';
import { BatchLog } from './batch/batch-log.ts';
import { traceBatch } from './batch/batch-span.ts';
import { Batches } from './batch/batches.ts';
import { Robots } from './batch/robots.ts';
import { requestToken, type TokenTools } from './batch/token-request.ts';
import { redisAddressOf, type WorkerSettings } from './config.ts';
import { createWatchdog } from './health/create-watchdog.ts';
import { ErrorLog } from './health/error-log.ts';
import { Progress } from './health/progress.ts';
import { waitForRedis } from './health/wait-for-redis.ts';
import { WallClock } from './health/wall-clock.ts';
import { WorkerHeartbeat } from './health/worker-heartbeat.ts';
import { isEnding, type WorkerState } from './health/worker-state.ts';
import { WorkerStatus } from './health/worker-status.ts';
import { OriginSchedulers } from './origin/origin-schedulers.ts';
import { Permits } from './permits/permits.ts';
import { manifestOf } from './record/manifest.ts';
import { AttemptTally } from './record/attempt-tally.ts';
import { Recorder } from './record/recorder.ts';
import { Notifier } from './notify/notifier.ts';
import { Retention } from './schedule/retention.ts';
import { ScheduleLoop } from './schedule/schedule-loop.ts';
import { ClaimLoop } from './slice/claim-loop.ts';
import { SliceProcessor } from './slice/slice-processor.ts';
import { checkResultsFolder } from './start/check-results-folder.ts';
import type { WorkerProxy } from './start/proxies.ts';
import { warmUp } from './warm-up.ts';

export interface AssembleOptions {
  readonly id: string;
  readonly settings: WorkerSettings;
  /** Where records go. */
  readonly store: ResultsStore;
  readonly descriptors: DescriptorPlan;
  /** Holds the values of secrets: `--secrets` says which crawls may have. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What its fetches go through; undefined if they go to their origins directly. */
  readonly proxy: WorkerProxy | undefined;
  readonly log: Logger;
  readonly tracing: Tracing | undefined;
  readonly state: () => WorkerState;
  /** Aborted when the worker drains: no fetch is started any more. */
  readonly draining: AbortSignal;
  /** Aborted when the drain timeout has passed: running fetches are given up. */
  readonly forced: AbortSignal;
  /** Whether nothing else runs in this process, so that its clock may be corrected. */
  readonly isOwnProcess: boolean;
  /** New connections did not help a stuck worker. */
  readonly onHopeless: (reason: string) => void;
  /** Somebody has asked this worker to drain; may be called again. */
  readonly onDrain: () => void;
}

/** What the lifecycle of a worker needs of its parts. */
export interface AssembledWorker {
  /** In the order in which they start; they stop in reverse. */
  readonly parts: readonly Part[];
  /**
   * The last part to start and the first to stop: its stop resolves when all claimed slices have
   * ended.
   */
  readonly intake: Part;
  /** 0 until the endpoint has started. */
  readonly metricsPort: () => number;
  readonly permits: Permits;
  readonly heartbeat: WorkerHeartbeat;
  readonly schedulers: OriginSchedulers;
  readonly recorder: Recorder;
}

/**
 * Builds all parts of a worker; nothing is built anywhere else. One long function, because every
 * part is built once, from those above it.
 */
export function assemble(options: AssembleOptions): AssembledWorker {
  const {
    id,
    settings,
    store,
    descriptors,
    env,
    proxy,
    log,
    tracing,
    state,
    draining,
    forced,
    isOwnProcess,
    onHopeless,
    onDrain,
  } = options;
  const { transport, allowPrivate, allowProxy, allowInsecureTls, maxRetryAfterMs } = settings;

  // What everything else stands on.
  const repeats = new RepeatLog(log);
  const errors = new ErrorLog(repeats);
  const onError = (error: unknown): void => errors.report(error);
  const keys = fleetKeys(settings.fleet);
  const address = redisAddressOf(settings);
  const redis = openRedis(address, (error) => errors.connectionFailed(error));
  // BullMQ has a client of its own: its scripts make every pipeline more expensive.
  const queueRedis = openRedis(address, (error) => errors.connectionFailed(error), {
    isForQueue: true,
  });
  const shardsWatch = new ShardsWatch(redis, keys);
  const { every } = new Beat();
  const metrics = createMetrics({ worker: id, version: VERSION, transport, every });
  metrics.concurrency.set(settings.concurrency);
  const permits = new Permits(settings.concurrency);
  const progress = new Progress();

  // Batches and their records.
  const onPassedOver = (sentence: string): void => errors.passedOver(sentence);
  const ledger = new Ledger(redis, keys, onPassedOver, id);
  const traceOf = async (batch: string) => parseBatchTrace(await ledger.trace(batch));
  const batchLog = new BatchLog({
    log,
    every,
    status: async (batch) => ledger.status(batch),
    onFinished: async (status) => tracing && traceBatch(tracing, traceOf, status),
  });
  const folder = (): ResultsFolder => ({
    place: settings.results.nameFor(hostname(), store.location),
    id: sink.id ?? '',
  });
  const secrets = { env, rules: settings.secrets };
  const network = { allowProxy, allowInsecureTls, env };
  const batches = new Batches({
    ledger,
    every,
    results: store.location,
    folder,
    traceOf: tracing && traceOf,
    secrets,
    network,
    requestToken: async (batch, client) => requestToken(tokenTools, batch, client),
    caps: { maxBodyBytes: settings.maxBodyBytes, timeoutMs: settings.maxTimeoutMs },
    onClamped: (batch, { key, setting }) => {
      const { maxBodyBytes, maxTimeoutMs } = settings;
      const cap =
        key === 'limits.body' ? { bytes: maxBodyBytes } : { seconds: maxTimeoutMs / 1_000 };
      log.warn({ batch, ...cap }, `${key} exceeds ${setting}, clamped`);
    },
    onError,
  });
  const sinkOptions: SinkOptions = {
    worker: id,
    maxOpenParts: descriptors.parts,
    manifest: async (batch) => manifestOf({ batches, ledger }, batch),
    observe: ({ durationMs, bytes }) => {
      metrics.sinkFlush.observe(durationMs / 1000);
      metrics.recordBytes.inc(bytes);
    },
  };
  const sink = store.threadedSink?.(sinkOptions) ?? new EncodingSink(store.sink(sinkOptions));
  const attempts = new AttemptTally(
    async (batch, counts) => countAttempts({ redis, keys }, batch, counts),
    onError,
  );
  const recorder = new Recorder({
    sink,
    ledger,
    onSettling: (batch) => attempts.flush(batch),
    onRecorded: (records) => {
      progress.recorded += records;
      metrics.recordsWritten.inc(records);
    },
    onSinkError: (thrown) => {
      const err = toError(thrown);
      metrics.sinkErrors.inc();
      const message = 'results cannot be written; fetching waits';
      repeats.write({ level: 'error', message, fields: { err }, key: err.message });
    },
    onComparisonError: onError,
    onRecovered: () => {
      repeats.flush();
      log.info('results can be written again');
    },
    onSettled: (batch, settlements) => batchLog.settled(batch, settlements),
    onFinished: (batch) => {
      notifier.wake();
      batchLog.finished(batch).catch((error: unknown) => {
        log.info({ batch, err: toError(error) }, 'batch finished');
      });
    },
  });

  // Fetching: what may start when, and the exchange itself.
  const fetcher = createFetcher({
    transport,
    allowPrivate,
    routes: proxy?.routes,
    userAgent: USER_AGENT,
    maxSockets: descriptors.sockets,
    onEnd: () => progress.fetched.beat(),
    onLookup: (result) => metrics.lookups.inc({ result }),
    onProxyError: (code) => metrics.proxyErrors.inc({ code }),
    onProxyDown: (name, reason) => {
      log.warn({ proxy: name }, `${reason}; others are used for a while, if there are any`);
    },
  });
  const turns = {
    of: (origin: string) => schedulers.of(origin),
    wake: (origin: string) => schedulers.wake(origin),
    invalidate: (origin: string) => schedulers.invalidate(origin),
  };
  const robots = new Robots({
    store: new RobotsStore(redis, keys),
    fetcher,
    schedulers: turns,
    stop: forced,
    worker: id,
    maxRetryAfterMs,
  });
  const tokenTools: TokenTools = {
    fetcher,
    schedulers: turns,
    robots,
    stop: forced,
    maxRetryAfterMs,
    onRequested: (result) => metrics.tokenRequests.inc({ result }),
  };
  const gateNotifications = new GateNotifications({ redis, keys, every });
  const queue = new SliceQueue(queueRedis, keys);
  const schedulers = new OriginSchedulers({
    gate: new Gate({ redis, keys, worker: id }),
    permits,
    crawlDelayMs: (origin) => robots.crawlDelayMs(origin),
    waitlist: new Waitlist(redis, keys),
    queue,
    ledger,
    publishChange: async (origin) => gateNotifications.publish(origin),
    every,
    log,
    onError,
  });

  const notifier = new Notifier({
    outbox: new Outbox(redis, keys, onPassedOver),
    every,
    fetcher,
    schedulers: turns,
    secrets,
    network,
    isConnected: () => redis.status === 'ready',
    draining,
    stop: forced,
    maxRetryAfterMs,
    onEnded: (result) => metrics.notifications.inc({ result }),
    log,
    onError,
  });

  // Taking work from the queue: slices, and ticks of schedules.
  const claims = new SliceClaims({
    redis: queueRedis,
    keys,
    worker: id,
    every,
    onError,
    onStalled: (slice) => {
      metrics.sliceStalls.inc();
      const batch = slice.slice(0, slice.lastIndexOf('.'));
      log.warn({ batch, slice }, 'slice of a vanished worker queued again');
    },
  });
  const processor = new SliceProcessor({
    worker: id,
    schedulers,
    robots,
    permits,
    fetcher,
    maxRetryAfterMs,
    recorder,
    metrics,
    attempts,
    draining,
    expired: forced,
    batches,
    ledger,
    pausedSlices: new PausedSlices(redis, keys),
    log,
    onTaken: (batch) => batchLog.sliceClaimed(batch),
    tracing,
  });
  const claimLoop = new ClaimLoop({
    claims,
    permits,
    process: async (claim, onWaiting) => processor.process(claim, onWaiting),
    heartbeat: progress.claimed,
    onError,
  });
  const retention = settings.retention
    ? new Retention({
        batches: new ScheduleBatches(redis, ledger, keys),
        every,
        ledger,
        removal: new BatchRemoval(redis, keys, onPassedOver),
        store,
        sink,
        isConnected: () => redis.status === 'ready',
        onEnded: (result) => metrics.prunedBatches.inc({ result }),
        log,
        onError,
      })
    : undefined;
  const scheduleLoop = settings.schedules
    ? new ScheduleLoop({
        redis: queueRedis,
        keys,
        every,
        worker: id,
        ledger,
        queue,
        fetcher,
        results: store,
        log,
        tracing,
        onError,
        onPassedOver,
        retention,
      })
    : undefined;

  // Health: the register of workers, metrics, and the watchdog.
  const origins = new Origins(redis, keys, onPassedOver);
  const fleetMetrics = new FleetMetrics({
    overview: new FleetOverview(redis, keys, onPassedOver),
    history: new FleetHistory(redis, keys, onPassedOver),
    metrics,
    id,
  });
  const heartbeat = new WorkerHeartbeat({
    redis,
    every,
    workers: new Workers(redis, keys),
    worker: id,
    log,
    onError,
    onConnected: () => repeats.flush(),
  });
  const wallClock = new WallClock({
    redis,
    every,
    isOwnProcess,
    key: keys.home.queue('wait'),
    onRead: (reading) => schedulers.learnClock(reading),
    onCorrected: (aheadMs) => {
      const seconds = Math.round(aheadMs / 100) / 10;
      const effect = isOwnProcess ? 'using the time of Redis' : 'set it';
      log.warn({ seconds }, `this machine's clock is ahead of Redis': ${effect}`);
    },
  });
  const watchdog = createWatchdog({
    every,
    stallTimeoutMs: settings.stallTimeoutMs,
    isDraining: () => isEnding(state()),
    progress,
    claimLoop,
    recorder,
    fetcher,
    redis: { address, key: keys.probe },
    connections: [redis, queueRedis],
    claims,
    onStuck: (reason) => {
      metrics.rebuilds.inc();
      log.warn({ reason }, 'worker is stuck; it takes new connections');
    },
    onRebuilt: () => log.warn('new connections to Redis'),
    onRecovered: () => log.info('worker makes progress again'),
    onHopeless,
    onError,
  });
  const status = new WorkerStatus({
    settings,
    proxy: proxy?.shown,
    state,
    permits,
    claims,
    fetcher,
    batches,
    recorder,
    heartbeat,
    watchdog,
    wallClock,
    progress,
    metrics,
    fleetMetrics,
  });
  metrics.onCollect(async () => status.collect());
  const endpoint = new HttpEndpoint({
    port: settings.metricsPort,
    host: settings.metricsHost,
    setting: '--metrics-port (FETCHFLEET_METRICS_PORT)',
    metrics: async () => metrics.page(),
    health: () => status.health(),
    ready: () => status.ready(),
  });
  let metricsPort = 0;

  const parts: readonly Part[] = [
    { name: 'repeated log lines', stop: () => repeats.flush() },
    { name: 'Redis connection', stop: () => redis.disconnect() },
    { name: 'Redis connection of the queue', stop: () => queueRedis.disconnect() },
    { name: 'metrics', stop: () => metrics.stop() },
    {
      name: 'place of results',
      start: async () => sink.start(),
      stop: async () => sink.stop(),
    },
    {
      name: 'HTTP endpoint',
      start: async () => {
        metricsPort = await endpoint.start();
      },
      stop: async () => endpoint.stop(),
    },
    {
      name: 'metrics of the fleet',
      // Releasing the lease waits for Redis; while Redis is away the lease expires.
      stop: async () => (redis.status === 'ready' ? fleetMetrics.stop() : undefined),
    },
    {
      // It renews the lease of the metrics, so it stops before they release it.
      name: 'heartbeat',
      start: () =>
        heartbeat.start({
          report: () => status.report(metricsPort),
          onDrain,
          onBeat: async () => {
            await shardsWatch.read(settings.shards);
            attempts.flushAll();
            const workedOn = schedulers.takeWorkedOn();
            const worked = origins.markActive([...workedOn.keys()], workedOn);
            await Promise.all([worked, fleetMetrics.renewLease()]);
          },
        }),
      stop: async () => heartbeat.stop(),
    },
    {
      name: 'fetcher',
      start: async () => warmUp(settings, metricsPort),
      stop: async () => fetcher.stop(),
    },
    // The first part that waits for Redis.
    {
      name: 'check of Redis',
      start: async () => {
        const warnings = await waitForRedis({ address, keys, signal: draining, onError });
        for (const warning of warnings) {
          log.warn(warning);
        }
      },
    },
    {
      name: 'number of shards',
      start: async () => {
        await shardsWatch.read(settings.shards);
        shardsWatch.start(every);
      },
      stop: () => shardsWatch.stop(),
    },
    {
      name: 'check of the place of results',
      start: async () => checkResultsFolder({ ledger, folder: folder(), settings }),
    },
    { name: 'wall clock', start: async () => wallClock.start(), stop: () => wallClock.stop() },
    { name: 'slice queue', stop: async () => queue.stop() },
    {
      name: 'gate notifications',
      start: () =>
        gateNotifications.start({
          onOrigin: (origin) => schedulers.invalidate(origin),
          onMissed: () => {
            log.info('a notification of the gate was lost: asking about all origins again');
            schedulers.invalidate();
          },
          isInUse: () => schedulers.size > 0,
          onError: (error) => errors.connectionFailed(error),
        }),
      stop: () => gateNotifications.stop(),
    },
    { name: 'claims', start: async () => claims.start(), stop: async () => claims.stop() },
    {
      name: 'origin schedulers',
      start: () => schedulers.start(),
      stop: async () => schedulers.stop(),
    },
    { name: 'batches', start: () => batches.start(), stop: () => batches.stop() },
    { name: 'notifications', start: () => notifier.start(), stop: async () => notifier.stop() },
    { name: 'retention', start: () => retention?.start(), stop: async () => retention?.stop() },
    { name: 'batch log', start: () => batchLog.start(), stop: () => batchLog.stop() },
    { name: 'watchdog', start: () => watchdog.start(), stop: async () => watchdog.stop() },
    { name: 'recorder', stop: () => recorder.stop() },
  ];
  const intake: Part = {
    // Both loops stop at once: one that went on while the other drains would take new work.
    name: 'claim and schedule loops',
    start: () => {
      claimLoop.start();
      scheduleLoop?.start();
    },
    stop: async () => Promise.all([claimLoop.stop(), scheduleLoop?.stop()]),
  };
  return {
    parts,
    intake,
    metricsPort: () => metricsPort,
    permits,
    heartbeat,
    schedulers,
    recorder,
  };
}
