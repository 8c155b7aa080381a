/** One metric, as `/metrics` serves it and `docs/operations.md` lists it. */
export interface MetricSpec {
  readonly name: `fetchfleet_${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /**
   * `worker`: a value of this process; add them up. `fleet`: a value of the whole fleet, exported
   * by one worker at a time; the others have no such series, so that a sum over workers is right.
   */
  readonly scope: 'worker' | 'fleet';
  /** Upper bounds in the unit of the name; only for histograms. */
  readonly buckets?: readonly number[];
}

/** The states of queued fetches. */
export const BACKLOG_STATES = ['runnable', 'throttled', 'delayed', 'active'] as const;

/**
 * Every metric of a worker; none is created elsewhere. Units are seconds and bytes. Every label is
 * bounded, by a closed list or by a cap after which values are counted as `other`.
 */
export const CATALOGUE = {
  fetches: {
    name: 'fetchfleet_fetches_total',
    type: 'counter',
    help: 'Settled fetches by outcome and origin; the first 100 origins have their name, the others are counted as other.',
    labels: ['outcome', 'origin'],
    scope: 'worker',
  },
  fetchDuration: {
    name: 'fetchfleet_fetch_duration_seconds',
    type: 'histogram',
    help: 'Duration of the last attempt from start to last byte, redirects included; result is ok or failed.',
    labels: ['result'],
    scope: 'worker',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  fetchesInFlight: {
    name: 'fetchfleet_fetches_in_flight',
    type: 'gauge',
    help: 'Fetches running now.',
    labels: [],
    scope: 'worker',
  },
  concurrency: {
    name: 'fetchfleet_concurrency',
    type: 'gauge',
    help: 'Fetches that this worker may run at once: its permits.',
    labels: [],
    scope: 'worker',
  },
  receivedBytes: {
    name: 'fetchfleet_received_bytes_total',
    type: 'counter',
    help: 'Bytes of the decompressed bodies of settled fetches, and of pages.',
    labels: [],
    scope: 'worker',
  },
  pages: {
    name: 'fetchfleet_pages_total',
    type: 'counter',
    help: 'Records of pages, of fetches with paginate; the last one of each is also a settled fetch.',
    labels: [],
    scope: 'worker',
  },
  pageEnds: {
    name: 'fetchfleet_page_ends_total',
    type: 'counter',
    help: 'Fetches with pages that have ended, by the reason why no further page follows.',
    labels: ['end'],
    scope: 'worker',
  },
  retries: {
    name: 'fetchfleet_retries_total',
    type: 'counter',
    help: 'Failed attempts that are repeated later, by reason: a status, unexpected, network-error or timeout.',
    labels: ['reason'],
    scope: 'worker',
  },
  throttles: {
    name: 'fetchfleet_throttles_total',
    type: 'counter',
    help: 'Answers of an origin that ask to try later, by origin and reason; they use no attempt.',
    labels: ['origin', 'reason'],
    scope: 'worker',
  },
  originLimit: {
    name: 'fetchfleet_origin_limit',
    type: 'gauge',
    help: 'Limit of an origin for the whole fleet: kind rate in fetches per second, kind concurrency in fetches in flight; absent where there is no limit. The 100 most recently used origins.',
    labels: ['origin', 'kind'],
    scope: 'fleet',
  },
  originInUse: {
    name: 'fetchfleet_origin_in_use',
    type: 'gauge',
    help: 'Permits of an origin in use by the whole fleet: fetches in flight, or about to be.',
    labels: ['origin'],
    scope: 'fleet',
  },
  originWaiting: {
    name: 'fetchfleet_origin_waiting',
    type: 'gauge',
    help: 'Deferred fetches of the whole fleet: they wait for their turn at the origin.',
    labels: ['origin'],
    scope: 'fleet',
  },
  originBlocked: {
    name: 'fetchfleet_origin_blocked_seconds',
    type: 'gauge',
    help: 'Seconds until fetches of an origin may start again; 0 if it is not blocked.',
    labels: ['origin'],
    scope: 'fleet',
  },
  originBreakerOpen: {
    name: 'fetchfleet_origin_breaker_open',
    type: 'gauge',
    help: 'Is 1 while the circuit breaker of an origin is open or lets a single fetch try, else 0.',
    labels: ['origin'],
    scope: 'fleet',
  },
  slices: {
    name: 'fetchfleet_slices_total',
    type: 'counter',
    help: 'Slices that this worker released, by result: completed, delayed, returned, abandoned, invalid or lock-lost.',
    labels: ['result'],
    scope: 'worker',
  },
  slicesActive: {
    name: 'fetchfleet_slices_active',
    type: 'gauge',
    help: 'Slices that this worker holds now.',
    labels: [],
    scope: 'worker',
  },
  recordsWritten: {
    name: 'fetchfleet_records_written_total',
    type: 'counter',
    help: 'Records that are durable.',
    labels: [],
    scope: 'worker',
  },
  recordBytes: {
    name: 'fetchfleet_record_bytes_total',
    type: 'counter',
    help: 'Bytes of the records that are durable, line breaks included; as they are stored, if they are compressed.',
    labels: [],
    scope: 'worker',
  },
  sinkFlush: {
    name: 'fetchfleet_sink_flush_seconds',
    type: 'histogram',
    help: 'Time to write a group of records and sync it to disk (write and fdatasync); the first group of a batch includes making its folder and part.',
    labels: [],
    scope: 'worker',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  sinkErrors: {
    name: 'fetchfleet_sink_errors_total',
    type: 'counter',
    help: 'Failed attempts to make a group of records durable; their fetches stay unacknowledged meanwhile.',
    labels: [],
    scope: 'worker',
  },
  exporter: {
    name: 'fetchfleet_exporter',
    type: 'gauge',
    help: 'Is 1 if this process exports the gauges of the whole fleet, which one at a time does, else 0.',
    labels: [],
    scope: 'worker',
  },
  backlog: {
    name: 'fetchfleet_backlog_fetches',
    type: 'gauge',
    help: 'Queued fetches without a record, by state: runnable (more workers could start them now), throttled (they wait for their origin), delayed (they wait for a retry, or their batch is paused) and active (in slices that workers hold). Exact while a state has up to 100 slices, else estimated from a sample of 100.',
    labels: ['state'],
    scope: 'fleet',
  },
  queueSlices: {
    name: 'fetchfleet_queue_slices',
    type: 'gauge',
    help: 'Slices in the queue, by state: waiting, active, delayed and failed (invalid slices that were rejected).',
    labels: ['state'],
    scope: 'fleet',
  },
  oldestPending: {
    name: 'fetchfleet_oldest_pending_fetch_age_seconds',
    type: 'gauge',
    help: 'Time since the oldest queued fetch was enqueued, without those of paused and cancelled batches; 0 if there are none. In a long queue it is the oldest of a sample.',
    labels: [],
    scope: 'fleet',
  },
  batches: {
    name: 'fetchfleet_batches',
    type: 'gauge',
    help: 'The latest 2,000 batches in the ledger, by state.',
    labels: ['state'],
    scope: 'fleet',
  },
  batchFetches: {
    name: 'fetchfleet_batch_fetches',
    type: 'gauge',
    help: 'Fetches of the 20 latest unfinished batches, by state: total, settled (ok or failed) and failed.',
    labels: ['batch', 'state'],
    scope: 'fleet',
  },
  scheduleRuns: {
    name: 'fetchfleet_schedule_runs_total',
    type: 'counter',
    help: 'Runs of a schedule since it was added, by result: started, failed (could not be started), skipped (the batch before still ran) and missed (no worker was there in time). The first 100 schedules.',
    labels: ['schedule', 'result'],
    scope: 'fleet',
  },
  scheduleLastFinish: {
    name: 'fetchfleet_schedule_last_finish_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time at which a batch of a schedule last finished, whatever has failed; absent before the first.',
    labels: ['schedule'],
    scope: 'fleet',
  },
  scheduleLastSuccess: {
    name: 'fetchfleet_schedule_last_success_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time at which a batch of a schedule last finished without failures, but for what robots.txt forbids; absent before the first.',
    labels: ['schedule'],
    scope: 'fleet',
  },
  scheduleInterval: {
    name: 'fetchfleet_schedule_interval_seconds',
    type: 'gauge',
    help: 'Time between the next two runs of a schedule; absent while it is paused.',
    labels: ['schedule'],
    scope: 'fleet',
  },
  nextRun: {
    name: 'fetchfleet_next_run_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time at which the next run of all schedules is due; in the past while a run waits for a worker; absent if there is none.',
    labels: [],
    scope: 'fleet',
  },
  notificationsWaiting: {
    name: 'fetchfleet_notifications_waiting',
    type: 'gauge',
    help: 'Notifications (notify) that are not delivered yet.',
    labels: [],
    scope: 'fleet',
  },
  notificationsLost: {
    name: 'fetchfleet_notifications_lost_total',
    type: 'counter',
    help: 'Notifications that were not kept, because 2,000 others waited.',
    labels: [],
    scope: 'fleet',
  },
  removalsWaiting: {
    name: 'fetchfleet_removals_waiting',
    type: 'gauge',
    help: 'Results of batches that their schedule does not keep, and that wait for a worker that has their folder.',
    labels: [],
    scope: 'fleet',
  },
  workers: {
    name: 'fetchfleet_workers',
    type: 'gauge',
    help: 'Workers of the fleet that were seen within the last 15 s.',
    labels: [],
    scope: 'fleet',
  },
  redisMemory: {
    name: 'fetchfleet_redis_memory_bytes',
    type: 'gauge',
    help: 'Memory that Redis uses for its data.',
    labels: [],
    scope: 'fleet',
  },
  redisMemoryLimit: {
    name: 'fetchfleet_redis_memory_limit_bytes',
    type: 'gauge',
    help: 'Memory that Redis may use (maxmemory); 0 if there is no limit.',
    labels: [],
    scope: 'fleet',
  },
  sliceStalls: {
    name: 'fetchfleet_slice_stalls_total',
    type: 'counter',
    help: 'Slices of vanished workers that this worker queued again.',
    labels: [],
    scope: 'worker',
  },
  lockLosses: {
    name: 'fetchfleet_lock_losses_total',
    type: 'counter',
    help: 'Slices whose claim this worker lost to another one; their fetches may run twice, their records count once.',
    labels: [],
    scope: 'worker',
  },
  sinkHealthy: {
    name: 'fetchfleet_sink_healthy',
    type: 'gauge',
    help: 'Is 1 while results can be written; 0 while they cannot, and fetching waits.',
    labels: [],
    scope: 'worker',
  },
  redisConnected: {
    name: 'fetchfleet_redis_connected',
    type: 'gauge',
    help: 'Is 1 while Redis answers this worker; 0 once it has not answered for 5 s.',
    labels: [],
    scope: 'worker',
  },
  lastProgress: {
    name: 'fetchfleet_last_progress_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time at which this worker last claimed a slice, found none to claim, or ended a fetch.',
    labels: [],
    scope: 'worker',
  },
  wedged: {
    name: 'fetchfleet_wedged',
    type: 'gauge',
    help: 'Is 1 while this worker makes no progress and nothing explains it, else 0.',
    labels: [],
    scope: 'worker',
  },
  rebuilds: {
    name: 'fetchfleet_rebuilds_total',
    type: 'counter',
    help: 'Times that this worker was stuck and replaced its connections to Redis.',
    labels: [],
    scope: 'worker',
  },
  lookups: {
    name: 'fetchfleet_lookups_total',
    type: 'counter',
    help: 'Lookups of host names, by result: found, not-found and failed (DNS), hosts-file and cached (without DNS).',
    labels: ['result'],
    scope: 'worker',
  },
  proxyErrors: {
    name: 'fetchfleet_proxy_errors_total',
    type: 'counter',
    help: 'Requests that a proxy did not let through, by code: PROXY_UNREACHABLE, PROXY_REFUSED.',
    labels: ['code'],
    scope: 'worker',
  },
  tokenRequests: {
    name: 'fetchfleet_token_requests_total',
    type: 'counter',
    help: 'Requests for tokens (auth.oauth2), by result: granted, refused, failed.',
    labels: ['result'],
    scope: 'worker',
  },
  prunedBatches: {
    name: 'fetchfleet_pruned_batches_total',
    type: 'counter',
    help: 'Batches whose results this worker removed because their schedule does not keep them, by result: removed, failed (tried again).',
    labels: ['result'],
    scope: 'worker',
  },
  notifications: {
    name: 'fetchfleet_notifications_total',
    type: 'counter',
    help: 'Attempts to deliver a notification (notify), by result: delivered, failed (tried again later), and given up: gone (410), refused (an address or a URL that is not allowed), expired (after a day).',
    labels: ['result'],
    scope: 'worker',
  },
  lookupsInFlight: {
    name: 'fetchfleet_lookups_in_flight',
    type: 'gauge',
    help: 'Host names that are looked up now.',
    labels: [],
    scope: 'worker',
  },
  eventLoopLag: {
    name: 'fetchfleet_event_loop_lag_seconds',
    type: 'gauge',
    help: 'How late timers fired in this process since the last scrape, measured while it is busy: p50, p99 and max.',
    labels: ['stat'],
    scope: 'worker',
  },
  collectErrors: {
    name: 'fetchfleet_collect_errors_total',
    type: 'counter',
    help: 'Scrapes in which some gauges could not be read within 2 s.',
    labels: [],
    scope: 'worker',
  },
  buildInfo: {
    name: 'fetchfleet_build_info',
    type: 'gauge',
    help: 'Always 1; the labels name the worker, its version, Node and transport.',
    labels: ['worker', 'version', 'node', 'transport'],
    scope: 'worker',
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricKey = keyof typeof CATALOGUE;

/** How a worker may release a slice. */
export const SLICE_RESULTS = [
  'completed',
  'delayed',
  'returned',
  'abandoned',
  'invalid',
  'lock-lost',
] as const;

export type SliceResult = (typeof SLICE_RESULTS)[number];
