import type { BatchStatus, OriginStatus, Schedule, WorkerInfo } from '@fetchfleet/fleet';
import { describe, expect, it } from '@jest/globals';
import { type Findings, findTrouble } from '../../src/looks/trouble.ts';

function batch(fields: Partial<BatchStatus>): BatchStatus {
  return {
    batch: 'one',
    name: 'one',
    state: 'running',
    total: 500,
    settled: 200,
    ok: 200,
    failed: 0,
    outcomes: { ok: 200 },
    createdAt: '2026-11-28T06:00:00.000Z',
    retries: 0,
    fetchesPerSecond: 1,
    durationSumMs: 1,
    bytes: 1,
    sliceSize: 50,
    source: '',
    fingerprint: '',
    resultsFolders: [],
    missingSecrets: [],
    ...fields,
  };
}

function worker(fields: Partial<WorkerInfo>): WorkerInfo {
  return {
    id: 'w-1',
    host: 'a',
    pid: 1,
    version: '1',
    transport: 'got',
    concurrency: 50,
    inFlight: 1,
    slices: 1,
    batches: [],
    state: 'working',
    roles: ['fetch'],
    fetchesPerSecond: 1,
    startedAt: '2026-11-28T06:00:00.000Z',
    lastSeenAt: '2026-11-28T06:00:00.000Z',
    silentMs: 0,
    ...fields,
  };
}

function origin(fields: Partial<OriginStatus>): OriginStatus {
  return {
    origin: 'https://api.example',
    rate: { limit: 'unlimited', source: 'none' },
    burst: 1,
    concurrency: { limit: 'unlimited', source: 'none' },
    inUse: 1,
    workers: 1,
    waiting: 12,
    breaker: 'closed',
    ...fields,
  };
}

function schedule(fields: Partial<Schedule>): Schedule {
  return {
    id: 'nightly',
    name: 'nightly',
    terms: { source: '', cron: '@daily', tz: 'UTC', overlap: 'skip', catchUpMs: 0 },
    isPaused: false,
    revision: 1,
    lastTick: 0,
    createdAt: 0,
    changedAt: 0,
    runs: [],
    counts: { started: 0, failed: 0, skipped: 0, missed: 0 },
    ...fields,
  };
}

const at = Date.parse('2026-11-28T02:00:00.000Z');
const run = { key: 'k', kind: 'tick', at, decidedAt: at } as const;
const learned = { limit: '5/s', perSecond: 5, source: 'learned' } as const;
const QUIET: Findings = {
  underWay: [batch({})],
  origins: [origin({}), origin({ waiting: 0, rate: learned })],
  schedules: [
    schedule({ runs: [{ ...run, state: 'started', batch: 'one' }] }),
    schedule({ isPaused: true, runs: [{ ...run, state: 'missed' }] }),
    schedule({ runs: [{ ...run, state: 'skipped', reason: 'the batch before still ran' }] }),
  ],
  workers: [worker({}), worker({ state: 'gone', slices: 0 })],
  memory: { redisMemoryBytes: 79, redisMemoryLimitBytes: 100 },
};

const TROUBLES: readonly [string, Partial<Findings>, string][] = [
  [
    'no worker runs',
    { workers: [worker({ state: 'gone', slices: 0 })] },
    'error fleet workers: no worker runs, and a batch is under way: start fetchfleet-worker (300 wait)',
  ],
  ['nothing is to be done without workers', { workers: [], underWay: [] }, ''],
  ['what is paused needs no worker', { workers: [], underWay: [batch({ state: 'paused' })] }, ''],
  [
    'Redis is filling',
    { memory: { redisMemoryBytes: 81, redisMemoryLimitBytes: 100 } },
    'warning fleet redis: Redis has used 81 % of its memory: at its limit nothing new is enqueued; prune old batches',
  ],
  [
    'Redis is full',
    { memory: { redisMemoryBytes: 99, redisMemoryLimitBytes: 100 } },
    'error fleet redis: Redis has used 99 % of its memory: at its limit nothing new is enqueued; prune old batches',
  ],
  ['Redis has no limit', { memory: { redisMemoryBytes: 99, redisMemoryLimitBytes: 0 } }, ''],
  [
    'a worker cannot write',
    { workers: [worker({ state: 'sink-failing' })] },
    'error worker w-1: cannot write its results, and fetches nothing',
  ],
  [
    'a worker is gone with work',
    { workers: [worker({}), worker({ id: 'w-2', state: 'gone', slices: 2 })] },
    'warning worker w-2: is gone: its work was given to the others, if there are any',
  ],
  [
    'an origin is down',
    { origins: [origin({ breaker: 'open', openMs: 4_000, lastError: 'refused the connection' })] },
    'error origin https://api.example: is down: it refused the connection (12 wait) until 4000',
  ],
  [
    'an origin is being probed',
    { origins: [origin({ breaker: 'half-open' })] },
    'error origin https://api.example: is down (12 wait)',
  ],
  [
    'robots.txt of an origin cannot be had, whatever was learned',
    {
      origins: [
        origin({ robotsError: 'it answered 503', rate: { limit: '5/s', source: 'learned' } }),
      ],
    },
    'warning origin https://api.example: has a robots.txt that cannot be had: it answered 503 (12 wait)',
  ],
  [
    'an origin is blocked',
    { origins: [origin({ blockedMs: 250_000, blockedFor: '429 Retry-After' })] },
    'warning origin https://api.example: is blocked: 429 Retry-After (12 wait) until 250000',
  ],
  [
    'an origin is slowed down',
    { origins: [origin({ rate: learned })] },
    'warning origin https://api.example: is slowed down to 5/s, because it has refused more (12 wait)',
  ],
  [
    'an origin takes few at once',
    { origins: [origin({ concurrency: { limit: 2, source: 'learned' } })] },
    'warning origin https://api.example: is slowed down to 2 at once, because it has timed out or become slow (12 wait)',
  ],
  [
    'an origin gets fewer for both reasons',
    { origins: [origin({ rate: learned, concurrency: { limit: 2, source: 'learned' } })] },
    'warning origin https://api.example: is slowed down to 5/s, because it has refused more, and to 2 at once, because it has timed out or become slow (12 wait)',
  ],
  [
    'everything fails in the same way',
    { underWay: [batch({ ok: 0, failed: 200, outcomes: { timeout: 200 } })] },
    'error batch one: every fetch so far has failed: timeout',
  ],
  [
    'a secret is missing',
    { underWay: [batch({ missingSecrets: ['API_TOKEN', 'OTHER'] })] },
    'error batch one: a worker lacks API_TOKEN, OTHER (300 wait)',
  ],
  [
    'a schedule has missed',
    { schedules: [schedule({ runs: [{ ...run, state: 'missed', reason: 'no worker' }] })] },
    'error schedule nightly: has missed its run of 2026-11-28T02:00:00.000Z: no worker',
  ],
  [
    'a schedule could not run',
    { schedules: [schedule({ runs: [{ ...run, state: 'failed', reason: 'no list' }] })] },
    'error schedule nightly: could not run at 2026-11-28T02:00:00.000Z: no list',
  ],
];

describe('trouble', () => {
  it('is nothing that works', () => {
    expect(findTrouble(QUIET)).toEqual([]);
  });

  it.each(TROUBLES)('%s', (_, findings, expected) => {
    const found = findTrouble({ ...QUIET, ...findings }).map(
      ({ severity, about, text, waiting, untilMs }) =>
        `${severity} ${about.kind} ${about.id}: ${text}` +
        (waiting === null ? '' : ` (${waiting} wait)`) +
        (untilMs === null ? '' : ` until ${untilMs}`),
    );
    expect(found.join('\n')).toBe(expected);
  });

  it('is sorted, the worst first, and of each kind there are at most ten', () => {
    const origins = Array.from({ length: 30 }, (_, one) =>
      origin({ origin: `https://o-${one}.example`, blockedMs: 5 }),
    );
    const found = findTrouble({ ...QUIET, origins, workers: [worker({ state: 'sink-failing' })] });
    expect(found.map(({ severity }) => severity)).toEqual(['error', ...Array(10).fill('warning')]);
  });
});
