/** One metric: what `/metrics` serves and the documentation lists. */
export interface MetricSpec {
  readonly name: `fetchfleet_${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /**
   * Whose value it is. `worker`: of this process, to be added up. `fleet`: of all together; one worker at a time exports these, the
   * others have no such series, so that a sum over workers is right.
   */
  readonly scope: 'worker' | 'fleet';
  /** Upper bounds, in the unit of the name; histograms only. */
  readonly buckets?: readonly number[];
}

/** How the fetches that are queued are told apart. */
export const BACKLOG_STATES = ['runnable', 'throttled', 'delayed', 'active'] as const;

/**
 * Every metric of a worker; nothing else makes one. Base units (seconds, bytes), and every label bounded: by a closed list, or
 * by a cap after which values are counted as `other`.
 */
export const CATALOGUE = {
  fetches: {
    name: 'fetchfleet_fetches_total',
    type: 'counter',
    help: 'Fetches settled, by how they ended and by origin (the first origins by name, the rest as other).',
    labels: ['outcome', 'origin'],
    scope: 'worker',
  },
  fetchDuration: {
    name: 'fetchfleet_fetch_duration_seconds',
    type: 'histogram',
    help: 'Duration of the settling attempt from start to last byte, redirects included; result is ok or failed.',
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
    help: 'Fetches that may run at once in this worker (its permits).',
    labels: [],
    scope: 'worker',
  },
  receivedBytes: {
    name: 'fetchfleet_received_bytes_total',
    type: 'counter',
    help: 'Bytes of decompressed bodies of settled fetches.',
    labels: [],
    scope: 'worker',
  },
  retries: {
    name: 'fetchfleet_retries_total',
    type: 'counter',
    help: 'Attempts that failed and are made again later, by reason.',
    labels: ['reason'],
    scope: 'worker',
  },
  throttles: {
    name: 'fetchfleet_throttles_total',
    type: 'counter',
    help: 'Times an origin said "not now" (no attempt is used), by origin and reason.',
    labels: ['origin', 'reason'],
    scope: 'worker',
  },
  originLimit: {
    name: 'fetchfleet_origin_limit',
    type: 'gauge',
    help: 'What an origin is asked to bear from the whole fleet: kind rate in fetches per second, kind concurrency in fetches in flight; absent where it is unlimited. The 100 origins that were worked on most recently.',
    labels: ['origin', 'kind'],
    scope: 'fleet',
  },
  originInUse: {
    name: 'fetchfleet_origin_in_use',
    type: 'gauge',
    help: 'Permits of an origin that are out in the whole fleet: fetches in flight, or about to be.',
    labels: ['origin'],
    scope: 'fleet',
  },
  originWaiting: {
    name: 'fetchfleet_origin_waiting',
    type: 'gauge',
    help: 'Fetches of the whole fleet that were sent away until their turn at the origin comes.',
    labels: ['origin'],
    scope: 'fleet',
  },
  originBlocked: {
    name: 'fetchfleet_origin_blocked_seconds',
    type: 'gauge',
    help: 'How much longer an origin wants to be left alone; 0 if it does not.',
    labels: ['origin'],
    scope: 'fleet',
  },
  originBreakerOpen: {
    name: 'fetchfleet_origin_breaker_open',
    type: 'gauge',
    help: 'Whether the circuit breaker of an origin keeps fetches back: 1 while it is open or lets one fetch try, else 0.',
    labels: ['origin'],
    scope: 'fleet',
  },
  slices: {
    name: 'fetchfleet_slices_total',
    type: 'counter',
    help: 'Slices this worker let go: completed, delayed, returned, abandoned, invalid or lock-lost.',
    labels: ['result'],
    scope: 'worker',
  },
  slicesActive: {
    name: 'fetchfleet_slices_active',
    type: 'gauge',
    help: 'Slices this worker holds now.',
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
    help: 'Bytes of the records that are durable, line breaks included.',
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
    help: 'Groups of records that could not be made durable; their fetches stay unacknowledged.',
    labels: [],
    scope: 'worker',
  },
  exporter: {
    name: 'fetchfleet_exporter',
    type: 'gauge',
    help: 'Whether this worker exports the gauges of the whole fleet: 1 on one worker at a time, 0 on the others.',
    labels: [],
    scope: 'worker',
  },
  backlog: {
    name: 'fetchfleet_backlog_fetches',
    type: 'gauge',
    help: 'Fetches without a record that are queued: runnable (more workers could work on them now), throttled (they wait for their origin), delayed (they wait for a retry, or their batch is paused) and active (in slices that workers hold). Exact while a state has up to 100 slices, else reckoned from a sample of 100.',
    labels: ['state'],
    scope: 'fleet',
  },
  queueSlices: {
    name: 'fetchfleet_queue_slices',
    type: 'gauge',
    help: 'Slices in the queue, by state: waiting, active, delayed and failed (what is no slice of ours, set aside).',
    labels: ['state'],
    scope: 'fleet',
  },
  oldestPending: {
    name: 'fetchfleet_oldest_pending_fetch_age_seconds',
    type: 'gauge',
    help: 'Time since the oldest of the queued fetches was enqueued, those of paused and cancelled batches left out; 0 when there are none. Of a long queue a sample is looked at.',
    labels: [],
    scope: 'fleet',
  },
  batches: {
    name: 'fetchfleet_batches',
    type: 'gauge',
    help: 'Batches in the ledger by state, the latest 2,000 of them.',
    labels: ['state'],
    scope: 'fleet',
  },
  batchFetches: {
    name: 'fetchfleet_batch_fetches',
    type: 'gauge',
    help: 'Fetches of the 20 latest unfinished batches: total, settled (ok or failed) and failed.',
    labels: ['batch', 'state'],
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
    help: 'Memory that Redis may use (maxmemory); 0 if it has no limit.',
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
    help: 'Slices of which this worker lost the claim to another one; their fetches may run twice, their records count once.',
    labels: [],
    scope: 'worker',
  },
  sinkHealthy: {
    name: 'fetchfleet_sink_healthy',
    type: 'gauge',
    help: 'Whether results can be written: 1, or 0 while they cannot and fetching waits.',
    labels: [],
    scope: 'worker',
  },
  redisConnected: {
    name: 'fetchfleet_redis_connected',
    type: 'gauge',
    help: 'Whether Redis answers this worker: 1, or 0 when it has not for 5 s.',
    labels: [],
    scope: 'worker',
  },
  lastProgress: {
    name: 'fetchfleet_last_progress_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time at which this worker last claimed, was told that there is nothing to claim, or ended a fetch.',
    labels: [],
    scope: 'worker',
  },
  wedged: {
    name: 'fetchfleet_wedged',
    type: 'gauge',
    help: 'Whether this worker makes no progress without a reason for it: 1 until it does again, else 0.',
    labels: [],
    scope: 'worker',
  },
  rebuilds: {
    name: 'fetchfleet_rebuilds_total',
    type: 'counter',
    help: 'Times this worker was wedged and replaced its connections to Redis.',
    labels: [],
    scope: 'worker',
  },
  eventLoopLag: {
    name: 'fetchfleet_event_loop_lag_seconds',
    type: 'gauge',
    help: 'How late timers fire in this process since the last scrape, measured while it is busy: p50, p99 and max.',
    labels: ['stat'],
    scope: 'worker',
  },
  collectErrors: {
    name: 'fetchfleet_collect_errors_total',
    type: 'counter',
    help: 'Scrapes for which some gauges could not be asked for in time.',
    labels: [],
    scope: 'worker',
  },
  buildInfo: {
    name: 'fetchfleet_build_info',
    type: 'gauge',
    help: 'Always 1; says in its labels what runs here.',
    labels: ['worker', 'version', 'node', 'transport'],
    scope: 'worker',
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricKey = keyof typeof CATALOGUE;

/** What can become of a slice that a worker held. */
export const SLICE_RESULTS = [
  'completed',
  'delayed',
  'returned',
  'abandoned',
  'invalid',
  'lock-lost',
] as const;

export type SliceResult = (typeof SLICE_RESULTS)[number];
