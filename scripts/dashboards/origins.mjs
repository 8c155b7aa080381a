import { dashboard } from './dashboard.mjs';
import { row, series, stat, table } from './panels.mjs';
import { fleetWide, job, ofOrigin, rate } from './queries.mjs';

export const origins = dashboard(
  'origins',
  'Origins',
  'Limits, use, waiting, blocks and failures of each origin',
  [
    row('Now'),
    stat('Origins', 'Worked on lately', [
      [`count(max by (origin) (fetchfleet_origin_in_use{${job}}))`, 'origins'],
    ]),
    stat('Waiting', 'Fetches that are deferred until their turn', [
      [`sum(${fleetWide('fetchfleet_origin_waiting', 'origin', ofOrigin)})`, 'fetches'],
    ]),
    stat(
      'Blocked',
      'Origins that have asked for a pause',
      [
        [
          `count(${fleetWide('fetchfleet_origin_blocked_seconds', 'origin', ofOrigin)} > 0) or vector(0)`,
          'origins',
        ],
      ],
      { thresholds: [[1, 'yellow']] },
    ),
    stat(
      'Down',
      'Origins whose circuit breaker is open',
      [[`sum(${fleetWide('fetchfleet_origin_breaker_open', 'origin', ofOrigin)})`, 'origins']],
      { thresholds: [[1, 'red']] },
    ),
    table('Origins', 'Empty: no limit', 'origin', [
      [
        'Rate limit',
        fleetWide('fetchfleet_origin_limit', 'origin', `${ofOrigin}, kind="rate"`),
        { unit: 'reqps' },
      ],
      [
        'Concurrency limit',
        fleetWide('fetchfleet_origin_limit', 'origin', `${ofOrigin}, kind="concurrency"`),
      ],
      ['In use', fleetWide('fetchfleet_origin_in_use', 'origin', ofOrigin)],
      ['Waiting', fleetWide('fetchfleet_origin_waiting', 'origin', ofOrigin)],
      [
        'Blocked for',
        fleetWide('fetchfleet_origin_blocked_seconds', 'origin', ofOrigin),
        { unit: 's', thresholds: [[0.001, 'yellow']] },
      ],
      [
        'Breaker',
        fleetWide('fetchfleet_origin_breaker_open', 'origin', ofOrigin),
        { words: ['closed', 'open'], isBad: true },
      ],
      ['Fetches/s', `job_origin:fetchfleet_fetches:rate5m{${ofOrigin}}`, { decimals: 1 }],
      [
        'Failed',
        `job_origin:fetchfleet_fetch_failures:ratio_rate5m{${ofOrigin}}`,
        {
          unit: 'percentunit',
          thresholds: [
            [0.05, 'yellow'],
            [0.5, 'red'],
          ],
        },
      ],
      [
        'Throttles/s',
        `sum by (origin) (job_origin_reason:fetchfleet_throttles:rate5m{${ofOrigin}})`,
        { decimals: 2 },
      ],
    ]),

    row('Work'),
    series(
      'Fetches per second',
      'Settled',
      [[`sum by (origin) (${rate('fetchfleet_fetches_total', ofOrigin)})`, '{{origin}}']],
      { unit: 'reqps' },
    ),
    series(
      'Failed',
      'Share of settled fetches that failed',
      [[`job_origin:fetchfleet_fetch_failures:ratio_rate5m{${ofOrigin}}`, '{{origin}}']],
      { unit: 'percentunit', max: 1 },
    ),
    series(
      'Throttles per second',
      'Refusals by the origin ("not now")',
      [
        [
          `sum by (origin, reason) (${rate('fetchfleet_throttles_total', ofOrigin)})`,
          '{{origin}} {{reason}}',
        ],
      ],
      { unit: 'reqps' },
    ),

    row('Politeness'),
    series(
      'Rate limit',
      'For the whole fleet, including learned limits; absent if there is none',
      [[fleetWide('fetchfleet_origin_limit', 'origin', `${ofOrigin}, kind="rate"`), '{{origin}}']],
      { unit: 'reqps', width: 8 },
    ),
    series(
      'In use, and its limit',
      'Fetches in flight in the whole fleet',
      [
        [fleetWide('fetchfleet_origin_in_use', 'origin', ofOrigin), '{{origin}}'],
        [
          fleetWide('fetchfleet_origin_limit', 'origin', `${ofOrigin}, kind="concurrency"`),
          '{{origin}} limit',
        ],
      ],
      { width: 8 },
    ),
    series(
      'Waiting',
      'Fetches that are deferred until their turn',
      [[fleetWide('fetchfleet_origin_waiting', 'origin', ofOrigin), '{{origin}}']],
      { width: 8 },
    ),
    series(
      'Blocked for',
      'Remaining pause that the origin has asked for',
      [[fleetWide('fetchfleet_origin_blocked_seconds', 'origin', ofOrigin), '{{origin}}']],
      { unit: 's', width: 12 },
    ),
    series(
      'Breaker',
      '1 while it holds fetches back',
      [[fleetWide('fetchfleet_origin_breaker_open', 'origin', ofOrigin), '{{origin}}']],
      { max: 1, width: 12 },
    ),
  ],
);
