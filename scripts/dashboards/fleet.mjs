import { dashboard } from './dashboard.mjs';
import { row, series, stat, table } from './panels.mjs';
import {
  FAILED,
  FETCHES,
  IN_FLIGHT,
  PERMITS,
  fleetWide,
  increase,
  job,
  quantile,
  rate,
} from './queries.mjs';

export const fleet = dashboard(
  'fleet',
  'Fleet',
  'Backlog, saturation, latency, failures and workers',
  [
    row('Four questions'),
    stat('Runnable now', 'Fetches that more workers could take now', [
      [fleetWide('fetchfleet_backlog_fetches', undefined, `${job}, state="runnable"`), 'fetches'],
    ]),
    stat(
      'Oldest pending fetch',
      'Time since it was enqueued, without paused batches',
      [[fleetWide('fetchfleet_oldest_pending_fetch_age_seconds'), 'age']],
      {
        unit: 's',
        thresholds: [
          [3_600, 'yellow'],
          [21_600, 'red'],
        ],
      },
    ),
    stat(
      'Saturation',
      'Fetches in flight ÷ permits of all workers',
      [[`${IN_FLIGHT} / ${PERMITS}`, 'used']],
      {
        unit: 'percentunit',
        max: 1,
        thresholds: [
          [0.8, 'yellow'],
          [0.95, 'orange'],
        ],
      },
    ),
    stat(
      'Latency (p95)',
      'Last attempt of a fetch, from the start to the last byte',
      [[quantile(0.95, 'fetchfleet_fetch_duration_seconds'), 'p95']],
      {
        unit: 's',
        thresholds: [
          [5, 'yellow'],
          [20, 'red'],
        ],
      },
    ),
    stat(
      'Failures',
      'Failed share of the fetches that settle now',
      [[`(${FAILED} or vector(0)) / (${FETCHES} > 0)`, 'failed']],
      {
        unit: 'percentunit',
        max: 1,
        thresholds: [
          [0.05, 'yellow'],
          [0.2, 'red'],
        ],
      },
    ),
    stat(
      'Alerts',
      'Firing alerts of this fleet',
      [
        [
          `count(ALERTS{${job}, alertstate="firing", alertname=~"Fetchfleet.*"}) or vector(0)`,
          'firing',
        ],
      ],
      { thresholds: [[1, 'red']] },
    ),

    row('Backlog'),
    series(
      'Backlog by state',
      'runnable: more workers could take it now. throttled: waits for its origin. delayed: waits for its retry, or its batch is paused. active: claimed by a worker.',
      [[fleetWide('fetchfleet_backlog_fetches', 'state'), '{{state}}']],
      { stacked: true },
    ),
    series(
      'Slices in the queue',
      'One slice is one job of up to 50 fetches',
      [[fleetWide('fetchfleet_queue_slices', 'state'), '{{state}}']],
      { stacked: true },
    ),
    series(
      'Oldest pending fetch',
      'Since it was enqueued',
      [[fleetWide('fetchfleet_oldest_pending_fetch_age_seconds'), 'age']],
      { unit: 's' },
    ),

    row('Saturation'),
    series('Fetches in flight', 'Of all workers, and their limit', [
      [IN_FLIGHT, 'in flight'],
      [PERMITS, 'permits'],
    ]),
    series(
      'In flight ÷ permits by worker',
      'Equal values mean that the work is well distributed',
      [[`fetchfleet_fetches_in_flight{${job}} / fetchfleet_concurrency{${job}}`, '{{instance}}']],
      { unit: 'percentunit', max: 1 },
    ),
    series(
      'CPU by worker',
      'One worker can use about one core',
      [[rate('process_cpu_seconds_total'), '{{instance}}']],
      { unit: 'percentunit' },
    ),
    series(
      'Event loop lag by worker (p99)',
      'How late timers fire',
      [[`fetchfleet_event_loop_lag_seconds{${job}, stat="p99"}`, '{{instance}}']],
      { unit: 's' },
    ),

    row('Latency and throughput'),
    series(
      'Duration of fetches',
      'Last attempt of a fetch, including redirects',
      [
        [quantile(0.5, 'fetchfleet_fetch_duration_seconds'), 'p50'],
        [quantile(0.95, 'fetchfleet_fetch_duration_seconds'), 'p95'],
        [quantile(0.99, 'fetchfleet_fetch_duration_seconds'), 'p99'],
      ],
      { unit: 's' },
    ),
    series(
      'Bytes per second',
      'Received: decompressed bodies. Written: durable records.',
      [
        [`sum(${rate('fetchfleet_received_bytes_total')})`, 'received'],
        [`sum(${rate('fetchfleet_record_bytes_total')})`, 'written'],
      ],
      { unit: 'Bps' },
    ),
    series(
      'Write and sync of records',
      'Time until a group of records is durable',
      [
        [quantile(0.5, 'fetchfleet_sink_flush_seconds'), 'p50'],
        [quantile(0.99, 'fetchfleet_sink_flush_seconds'), 'p99'],
      ],
      { unit: 's' },
    ),

    row('Failures'),
    series(
      'Fetches per second by outcome',
      'Settled fetches: ok, and each kind of failure',
      [[`sum by (outcome) (${rate('fetchfleet_fetches_total')})`, '{{outcome}}']],
      { unit: 'reqps', stacked: true },
    ),
    series(
      'Pages per second, and why chains end',
      'Records of fetches with pages, and fetches after whose page no further one follows',
      [
        [`sum(${rate('fetchfleet_pages_total')})`, 'pages'],
        [`sum by (end) (${rate('fetchfleet_page_ends_total')})`, 'end: {{end}}'],
      ],
      { unit: 'reqps' },
    ),
    series(
      'Retries per second by reason',
      'Failed attempts that are repeated later',
      [[`sum by (reason) (${rate('fetchfleet_retries_total')})`, '{{reason}}']],
      { unit: 'reqps' },
    ),
    series(
      'Throttles per second by reason',
      'Refusals by an origin ("not now"); they use no attempt',
      [[`sum by (reason) (${rate('fetchfleet_throttles_total')})`, '{{reason}}']],
      { unit: 'reqps' },
    ),
    series(
      'Trouble with workers',
      'All of these are handled; investigate them if they are frequent',
      [
        [`sum(${increase('fetchfleet_slice_stalls_total')})`, 'slices of vanished workers'],
        [`sum(${increase('fetchfleet_lock_losses_total')})`, 'claims lost'],
        [`sum(${increase('fetchfleet_rebuilds_total')})`, 'connections rebuilt'],
        [`sum(${increase('fetchfleet_sink_errors_total')})`, 'groups of records not written'],
        [`sum(${increase('fetchfleet_collect_errors_total')})`, 'incomplete scrapes'],
      ],
    ),
    series(
      'Lookups of host names',
      'Those that wait now, and failed ones: many of them mean a name server that does not answer',
      [
        [`sum(fetchfleet_lookups_in_flight{${job}})`, 'waiting now'],
        [`sum by (result) (${increase('fetchfleet_lookups_total')})`, '{{result}}'],
      ],
    ),
    series(
      'Proxies and tokens',
      'Requests that a proxy did not let through, and requests for tokens by their result',
      [
        [`sum by (code) (${increase('fetchfleet_proxy_errors_total')})`, '{{code}}'],
        [`sum by (result) (${increase('fetchfleet_token_requests_total')})`, 'token {{result}}'],
      ],
    ),

    row('Workers and Redis'),
    table(
      'Workers',
      'One row for each process',
      'instance',
      [
        ['In flight', `fetchfleet_fetches_in_flight{${job}}`],
        ['Permits', `fetchfleet_concurrency{${job}}`],
        ['Slices', `fetchfleet_slices_active{${job}}`],
        ['Fetches/s', rate('fetchfleet_records_written_total'), { decimals: 1 }],
        ['CPU', rate('process_cpu_seconds_total'), { unit: 'percentunit' }],
        ['Memory', `process_resident_memory_bytes{${job}}`, { unit: 'bytes' }],
        [
          'Last progress',
          `time() - fetchfleet_last_progress_timestamp_seconds{${job}}`,
          { unit: 's', thresholds: [[30, 'red']] },
        ],
        ['Redis', `fetchfleet_redis_connected{${job}}`, { words: ['away', 'connected'] }],
        ['Results', `fetchfleet_sink_healthy{${job}}`, { words: ['failing', 'written'] }],
        ['Wedged', `fetchfleet_wedged{${job}}`, { words: ['no', 'yes'], isBad: true }],
        ['Exporter', `fetchfleet_exporter{${job}}`, { words: ['', 'yes'], isPlain: true }],
        ['Build', `fetchfleet_build_info{${job}}`, { labels: ['worker', 'version', 'transport'] }],
      ],
      { width: 16 },
    ),
    series(
      'Memory of Redis',
      'maxmemory is 0 if no limit is set',
      [
        [fleetWide('fetchfleet_redis_memory_bytes'), 'used'],
        [fleetWide('fetchfleet_redis_memory_limit_bytes'), 'maxmemory'],
      ],
      { unit: 'bytes', width: 8 },
    ),
    series(
      'Workers',
      'Heartbeat within 15 s, and reached by Prometheus',
      [
        [fleetWide('fetchfleet_workers'), 'seen by the fleet'],
        [`sum(up{${job}})`, 'reached by Prometheus'],
      ],
      { width: 12 },
    ),
    series(
      'Slices let go per second',
      'completed: all fetches settled. delayed: runs again for a retry or at its turn. returned: given back by a stopping worker.',
      [[`sum by (result) (${rate('fetchfleet_slices_total')})`, '{{result}}']],
      { unit: 'reqps', width: 12 },
    ),
  ],
);
