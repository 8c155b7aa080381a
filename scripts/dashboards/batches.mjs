import { dashboard } from './dashboard.mjs';
import { row, series, stat, table } from './panels.mjs';
import { FETCHES, batchFetches, fleetWide, job, rate, settledPerSecond } from './queries.mjs';

const ago = (metric) => `time() - ${fleetWide(metric, 'schedule')}`;
const scheduleRuns = (result) =>
  fleetWide('fetchfleet_schedule_runs_total', 'schedule', `${job}, result="${result}"`);

export const batches = dashboard(
  'batches',
  'Batches',
  'Progress, rate, remaining time and failures of unfinished batches',
  [
    row('Now'),
    stat(
      'Batches by state',
      'Finished and cancelled batches stay until they are pruned',
      [[fleetWide('fetchfleet_batches', 'state'), '{{state}}']],
      { width: 12 },
    ),
    stat('Remaining fetches', 'Of the unfinished batches selected above', [
      [`sum(${batchFetches('total')} - ${batchFetches('settled')})`, 'fetches'],
    ]),
    stat('Fetches per second', 'Settled', [[FETCHES, 'settled']], { unit: 'reqps' }),
    stat(
      'Failed',
      'Fetches of unfinished batches',
      [[`sum(${batchFetches('failed')})`, 'fetches']],
      { thresholds: [[1, 'yellow']] },
    ),
    table('Unfinished batches', 'The 20 newest', 'batch', [
      ['Total', batchFetches('total')],
      ['Settled', batchFetches('settled')],
      ['Failed', batchFetches('failed'), { thresholds: [[1, 'yellow']] }],
      [
        'Progress',
        `${batchFetches('settled')} / ${batchFetches('total')}`,
        { unit: 'percentunit', isGauge: true },
      ],
      ['Fetches/s', settledPerSecond, { decimals: 1 }],
      [
        'To go',
        `(${batchFetches('total')} - ${batchFetches('settled')}) / (${settledPerSecond} > 0)`,
        { unit: 's' },
      ],
    ]),

    row('Schedules'),
    table('Schedules', 'The first 100', 'schedule', [
      ['Last finished', ago('fetchfleet_schedule_last_finish_timestamp_seconds'), { unit: 's' }],
      [
        'Last without failures',
        ago('fetchfleet_schedule_last_success_timestamp_seconds'),
        { unit: 's' },
      ],
      ['Interval', fleetWide('fetchfleet_schedule_interval_seconds', 'schedule'), { unit: 's' }],
      ['Started', scheduleRuns('started')],
      ['Not started', scheduleRuns('failed'), { thresholds: [[1, 'yellow']] }],
      ['Skipped', scheduleRuns('skipped')],
      ['Missed', scheduleRuns('missed'), { thresholds: [[1, 'yellow']] }],
    ]),

    series(
      'Next run',
      'Time until the next run of all schedules; negative while it waits for a worker',
      [[`min(fetchfleet_next_run_timestamp_seconds{${job}}) - time()`, 'due in']],
      { unit: 's' },
    ),
    series('Notifications', 'Attempts per second by result, and those that wait', [
      [`sum by (result) (${rate('fetchfleet_notifications_total')})`, '{{result}}'],
      [fleetWide('fetchfleet_notifications_waiting'), 'waiting'],
      [fleetWide('fetchfleet_notifications_lost_total'), 'lost so far'],
    ]),
    series('Batches that schedules do not keep', 'Removed per second, and what waits', [
      [`sum by (result) (${rate('fetchfleet_pruned_batches_total')})`, '{{result}}'],
      [fleetWide('fetchfleet_removals_waiting'), 'folders that wait'],
    ]),

    row('Over time'),
    series(
      'Progress',
      'Settled ÷ total',
      [[`${batchFetches('settled')} / ${batchFetches('total')}`, '{{batch}}']],
      { unit: 'percentunit', max: 1 },
    ),
    series('Fetches per second', 'Settled', [[settledPerSecond, '{{batch}}']], { unit: 'reqps' }),
    series(
      'Time to go',
      'At the rate of the last two minutes',
      [
        [
          `(${batchFetches('total')} - ${batchFetches('settled')}) / (${settledPerSecond} > 0)`,
          '{{batch}}',
        ],
      ],
      { unit: 's' },
    ),
    series(
      'Failures',
      'Failed ÷ settled',
      [[`${batchFetches('failed')} / (${batchFetches('settled')} > 0)`, '{{batch}}']],
      { unit: 'percentunit', max: 1 },
    ),
  ],
);
