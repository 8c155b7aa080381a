/** One metric: what `/metrics` serves and the documentation lists. */
export interface MetricSpec {
  readonly name: `fetchfleet_${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, in the unit of the name; histograms only. */
  readonly buckets?: readonly number[];
}

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
  },
  fetchDuration: {
    name: 'fetchfleet_fetch_duration_seconds',
    type: 'histogram',
    help: 'Duration of the settling attempt from start to last byte, redirects included; result is ok or failed.',
    labels: ['result'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
  fetchesInFlight: {
    name: 'fetchfleet_fetches_in_flight',
    type: 'gauge',
    help: 'Fetches running now.',
    labels: [],
  },
  concurrency: {
    name: 'fetchfleet_concurrency',
    type: 'gauge',
    help: 'Fetches that may run at once in this worker (its permits).',
    labels: [],
  },
  receivedBytes: {
    name: 'fetchfleet_received_bytes_total',
    type: 'counter',
    help: 'Bytes of decompressed bodies of settled fetches.',
    labels: [],
  },
  retries: {
    name: 'fetchfleet_retries_total',
    type: 'counter',
    help: 'Attempts that failed and are made again later, by reason.',
    labels: ['reason'],
  },
  throttles: {
    name: 'fetchfleet_throttles_total',
    type: 'counter',
    help: 'Times an origin said "not now" (no attempt is used), by origin and reason.',
    labels: ['origin', 'reason'],
  },
  originLimit: {
    name: 'fetchfleet_origin_limit',
    type: 'gauge',
    help: 'What an origin is asked to bear from the whole fleet: kind rate in fetches per second, kind concurrency in fetches in flight; absent where it is unlimited. Every worker on the origin tells the same of the fleet: take the maximum.',
    labels: ['origin', 'kind'],
  },
  originInUse: {
    name: 'fetchfleet_origin_in_use',
    type: 'gauge',
    help: 'Permits of an origin that are out in the whole fleet, asked at every scrape.',
    labels: ['origin'],
  },
  originWaiting: {
    name: 'fetchfleet_origin_waiting',
    type: 'gauge',
    help: 'Fetches of the whole fleet that were sent away until their turn at the origin comes.',
    labels: ['origin'],
  },
  originBlocked: {
    name: 'fetchfleet_origin_blocked_seconds',
    type: 'gauge',
    help: 'How much longer an origin wants to be left alone; 0 if it does not.',
    labels: ['origin'],
  },
  originBreakerOpen: {
    name: 'fetchfleet_origin_breaker_open',
    type: 'gauge',
    help: 'Whether the circuit breaker of an origin keeps fetches back: 1 while it is open or lets one fetch try, else 0.',
    labels: ['origin'],
  },
  slices: {
    name: 'fetchfleet_slices_total',
    type: 'counter',
    help: 'Slices this worker let go: completed, delayed, returned, abandoned, invalid or lock-lost.',
    labels: ['result'],
  },
  slicesActive: {
    name: 'fetchfleet_slices_active',
    type: 'gauge',
    help: 'Slices this worker holds now.',
    labels: [],
  },
  recordsWritten: {
    name: 'fetchfleet_records_written_total',
    type: 'counter',
    help: 'Records that are durable.',
    labels: [],
  },
  recordBytes: {
    name: 'fetchfleet_record_bytes_total',
    type: 'counter',
    help: 'Bytes of the records that are durable.',
    labels: [],
  },
  sinkFlush: {
    name: 'fetchfleet_sink_flush_seconds',
    type: 'histogram',
    help: 'Time until a group of records was durable.',
    labels: [],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  },
  sinkErrors: {
    name: 'fetchfleet_sink_errors_total',
    type: 'counter',
    help: 'Groups of records that could not be made durable; their fetches stay unacknowledged.',
    labels: [],
  },
  queueJobs: {
    name: 'fetchfleet_queue_jobs',
    type: 'gauge',
    help: 'Slices in the queue of the whole fleet, by state; asked at every scrape, absent when Redis does not answer.',
    labels: ['state'],
  },
  eventLoopLag: {
    name: 'fetchfleet_event_loop_lag_seconds',
    type: 'gauge',
    help: 'How late timers fire in this process since the last scrape: p50, p99 and max.',
    labels: ['stat'],
  },
  collectErrors: {
    name: 'fetchfleet_collect_errors_total',
    type: 'counter',
    help: 'Scrapes for which some gauges could not be asked for in time.',
    labels: [],
  },
  buildInfo: {
    name: 'fetchfleet_build_info',
    type: 'gauge',
    help: 'Always 1; says in its labels what runs here.',
    labels: ['worker', 'version', 'node', 'transport'],
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
