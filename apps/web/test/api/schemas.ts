import { OUTCOMES } from '@fetchfleet/crawl';
import { z } from 'zod';
import type * as documents from '../../src/api/documents.ts';
import { commandRequest } from '../../src/commands/command-line.ts';

/* What the server answers, as schemas: openapi.json is made of them, and answers are checked. */

const count = z.int().nonnegative();
const number = z.number();
const instant = z.iso.datetime();
const text = z.string();
const texts = z.array(text);

const batchState = z.enum(['expanding', 'running', 'paused', 'cancelled', 'finished']);

const status = {
  batch: text,
  name: text,
  state: batchState,
  total: count,
  settled: count,
  ok: count,
  failed: count,
  outcomes: z.record(text, count),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  fetchesPerSecond: number,
  results: text.nullable(),
  resultsFolders: texts,
  createdAt: instant,
  bytes: count,
  pages: count.nullable(),
  sequentialMs: count,
  missingSecrets: texts,
  schedule: text.nullable(),
};

const watchedBatch = z.strictObject({
  ...status,
  source: text,
  pausedAt: instant.nullable(),
  cancelledAt: instant.nullable(),
  retries: count,
  retriedAttempts: count,
  throttledAttempts: count,
  interrupted: z.boolean(),
  paceNow: number.nullable().meta({ description: 'Fetches per second over the last half minute' }),
  leftMs: count.nullable().meta({ description: 'Until the last fetch is settled at that pace' }),
});

const origin = z.strictObject({
  origin: text,
  rate: z.strictObject({ limit: text, perSecond: number.nullable(), source: text }),
  burst: count,
  concurrency: z.strictObject({ limit: z.union([count, z.literal('unlimited')]), source: text }),
  inUse: count,
  workers: count,
  waiting: count,
  blockedUntil: instant.nullable(),
  blockedMs: count.nullable(),
  blockedFor: text.nullable(),
  breaker: z.enum(['closed', 'open', 'half-open']),
  openUntil: instant.nullable(),
  openMs: count.nullable(),
  lastError: text.nullable(),
  robotsError: text.nullable(),
  learnedRate: number.nullable(),
  durationMs: number.nullable(),
});

const watchedOrigin = origin.extend({
  lastHour: z
    .strictObject({
      everyMs: count,
      endsAt: instant,
      ended: z.array(count),
      refused: z.array(count),
    })
    .nullable()
    .meta({ description: 'Fetches that have ended and were refused, the oldest value first' }),
});

/** Other keys are those of `workers --json`. */
const worker = z.looseObject({
  id: text,
  host: text,
  pid: count,
  version: text,
  transport: text,
  concurrency: count,
  inFlight: count,
  slices: count,
  batches: texts,
  state: z.enum(['working', 'idle', 'draining', 'sink-failing', 'gone']),
  fetchesPerSecond: number,
  startedAt: instant,
  lastSeenAt: instant,
  silentMs: count,
  memoryBytes: count.optional(),
  eventLoopLagMs: number.optional(),
});

const run = z.strictObject({
  at: instant,
  kind: z.enum(['tick', 'manual']),
  state: z.enum(['queued', 'starting', 'started', 'skipped', 'missed', 'failed']),
  batch: text.nullable(),
  reason: text.nullable(),
  caughtUp: z.boolean(),
  count,
  ended: text.nullable(),
  total: count.nullable(),
  failed: count.nullable(),
  tookMs: count.nullable(),
  removed: z.boolean(),
});

const schedule = z.strictObject({
  id: text,
  name: text,
  cron: text,
  tz: text,
  overlap: z.enum(['skip', 'queue', 'allow']),
  catchUpMs: count,
  keep: z.record(text, count).nullable(),
  paused: z.boolean(),
  source: text,
  createdAt: instant,
  changedAt: instant,
  nextRun: instant.nullable(),
  lastRun: run.nullable(),
  lastBatch: z.strictObject(status).nullable(),
  lastFinish: instant.nullable(),
  lastSuccess: instant.nullable(),
  runs: z.array(run),
});

const trouble = z.strictObject({
  severity: z.enum(['error', 'warning']),
  about: z.strictObject({
    kind: z.enum(['fleet', 'origin', 'schedule', 'batch', 'worker']),
    id: text,
  }),
  text,
  untilMs: count.nullable(),
  waiting: count.nullable(),
});

const series = z.strictObject({
  everyMs: count,
  endsAt: instant,
  values: z.array(number.nullable()),
});

const record = {
  index: count,
  page: count.nullable(),
  params: z.record(text, text),
  url: text,
  outcome: z.enum(OUTCOMES),
  status: count.nullable(),
  durationMs: number,
  bytes: count,
  startedAt: instant,
};

const recordsSource = z.strictObject({
  kind: z.enum(['here', 'elsewhere', 'copying', 'copied']),
  location: text,
  copiedAt: instant.nullable(),
  doneBytes: count.nullable(),
  totalBytes: count.nullable(),
}) satisfies z.ZodType<documents.RecordsSource>;

/** By the names of the documents. */
export const SCHEMAS = {
  FleetDocument: z.strictObject({
    fleet: text,
    version: text,
    readOnly: z.boolean(),
    hasResults: z.boolean(),
  }) satisfies z.ZodType<documents.FleetDocument>,
  OverviewDocument: z.strictObject({
    at: instant,
    health: z.enum(['ok', 'attention', 'down']),
    healthText: text,
    trouble: z.array(trouble),
    fetchesPerSecond: number,
    inFlight: count,
    capacity: count,
    workers: count,
    redisMemoryBytes: count,
    redisMemoryLimitBytes: count,
    oldestPendingMs: count,
    resultsDisk: z.strictObject({ freeBytes: count, totalBytes: count }).nullable(),
    finishedToday: count,
    failedShare: number.min(0).max(1).nullable(),
    underWay: z.array(watchedBatch).max(50),
    underWayTotal: count,
    ended: z.array(watchedBatch).max(10),
    history: z.strictObject({
      fetchesPerSecond: series,
      failedPerSecond: series,
      inFlight: series,
    }),
  }) satisfies z.ZodType<documents.OverviewDocument>,
  BatchesDocument: z.strictObject({
    batches: z.array(watchedBatch).max(200),
    total: count,
    next: text.nullable(),
  }) satisfies z.ZodType<documents.BatchesDocument>,
  BatchDetail: z.strictObject({
    batch: watchedBatch,
    slices: z.strictObject({ running: count, queued: count, deferred: count, retrying: count }),
    latency: z.array(z.strictObject({ upToMs: number.nullable(), count })).nullable(),
    records: recordsSource.nullable(),
    history: series.nullable(),
    origins: z.array(origin).max(20),
    events: z.array(z.strictObject({ at: instant, text, by: text.nullable() })),
  }) satisfies z.ZodType<documents.BatchDetail>,
  FailuresDocument: z.strictObject({
    batch: text,
    failed: count,
    found: count,
    groups: z.array(
      z.strictObject({
        origin: text,
        outcome: text,
        reason: text,
        count,
        example: z.strictObject({ index: count, url: text, message: text.optional() }).optional(),
      }),
    ),
    more: count,
    skippedParts: texts,
  }),
  RecordsDocument: z.strictObject({
    records: z.array(z.strictObject(record)).max(500),
    offset: count,
    indexed: count,
    matched: count,
    looked: count,
    isComplete: z.boolean(),
    from: text,
    previous: text.nullable(),
    next: text.nullable(),
    counted: text.nullable(),
    reading: z.strictObject({ doneBytes: count, totalBytes: count }).nullable(),
    source: recordsSource,
  }) satisfies z.ZodType<documents.RecordsDocument>,
  RecordDetail: z.strictObject({
    record: z.looseObject(record),
    pages: count.nullable(),
    curl: text.nullable(),
    body: z
      .strictObject({
        kind: z.enum(['json', 'text', 'image', 'binary']),
        bytes: count,
        isServed: z.boolean(),
        batch: text,
      })
      .nullable(),
  }) satisfies z.ZodType<documents.RecordDetail>,
  SlicesDocument: z.strictObject({
    slices: z.array(
      z.strictObject({
        state: z.enum(['running', 'queued', 'deferred', 'retrying']),
        origin: text,
        fetches: count,
        indexes: text.meta({ description: 'Such as 100-149,151: as records take it' }),
      }),
    ),
  }) satisfies z.ZodType<documents.SlicesDocument>,
  OriginsDocument: z.strictObject({
    origins: z.array(watchedOrigin).max(500),
    total: count,
  }) satisfies z.ZodType<documents.OriginsDocument>,
  OriginDetail: z.strictObject({
    origin,
    events: z
      .array(
        z.strictObject({
          at: instant,
          lastAt: instant,
          times: count,
          event: z.enum([
            'blocked',
            'opened',
            'half-open',
            'closed',
            'slowed',
            'narrowed',
            'set',
            'unset',
            'forgotten',
            'tried',
          ]),
          text,
          until: instant.nullable(),
          by: text.nullable(),
        }),
      )
      .max(50),
    learnedRates: series.nullable(),
    batches: texts.max(50),
    batchCount: count,
    robots: z.strictObject({
      state: z.enum(['unknown', 'rules', 'none', 'unreachable']),
      readAt: instant.nullable(),
      crawlDelayMs: number.nullable(),
      reason: text.nullable(),
      tries: count.nullable(),
      againAt: instant.nullable(),
    }),
  }) satisfies z.ZodType<documents.OriginDetail>,
  WorkersDocument: z.strictObject({ workers: z.array(worker) }) satisfies z.ZodType<object>,
  SchedulesDocument: z.strictObject({
    schedules: z.array(schedule).max(200),
  }) satisfies z.ZodType<documents.SchedulesDocument>,
  LoginRequest: z.strictObject({ token: text }) satisfies z.ZodType<documents.LoginRequest>,
  LoginAnswer: z.strictObject({ ok: z.boolean() }) satisfies z.ZodType<documents.LoginAnswer>,
  CommandRequest: commandRequest,
  CommandAnswer: z.strictObject({ ok: z.boolean(), document: z.unknown(), messages: texts }),
  ErrorDocument: z.strictObject({
    error: text,
    code: text,
  }) satisfies z.ZodType<documents.ErrorDocument>,
} as const;

export type DocumentName = keyof typeof SCHEMAS;
