import { z } from 'zod';
import { instantMs } from '../redis/stored-state.ts';

/**
 * How long a lease holds, from its exchange on. Each exchange renews that of its worker. It is
 * longer than a connection may take, so that a worker that stood still sends nothing after its end.
 */
export const LEASE_MS = 12_000;

/*
 * The documents that the scripts of the gate take and return. A field that is 0 or empty is left
 * out: an exchange runs about every tenth fetch, and each byte of it counts.
 */

/** Limits that one batch asks for. */
interface LimitsDocument {
  readonly batch: string;
  /** µs between two starts. Absent: unlimited. */
  readonly intervalUs?: number | undefined;
  readonly burst: number;
  /** Fetches in flight over the whole fleet. Absent: unlimited. */
  readonly concurrency?: number | undefined;
}

/** What EXCHANGE takes of ended fetches; see `OriginReport`. */
export interface ReportDocument {
  readonly ended?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly typicalMs?: number | undefined;
  readonly ok?: number | undefined;
  readonly refused?: number | undefined;
  readonly blockMs?: number | undefined;
  readonly blockReason?: string | undefined;
  readonly failures?: number | undefined;
  readonly errors?: number | undefined;
  readonly errorUrls?: number | undefined;
  readonly timeouts?: number | undefined;
  readonly lastError?: string | undefined;
}

/** What EXCHANGE takes beside the report. It is the same at many origins, which costs less. */
export interface ExchangeDocument {
  readonly worker: string;
  readonly inFlight?: number | undefined;
  readonly want?: number | undefined;
  /** Grants nothing unless nothing is limited or wrong at the origin. */
  readonly onlyIfFree?: true | undefined;
  /** Fetches that wait at the worker, the wanted ones included. */
  readonly waiting?: number | undefined;
  /** Starts to reserve beside the wanted ones, where the rate is not used up. */
  readonly ahead?: number | undefined;
  /** How far ahead of the lead starts may be promised. Absent where none are asked for. */
  readonly horizonUs?: number | undefined;
  /** How long the answer takes to arrive: no start is promised before that. Absent likewise. */
  readonly leadUs?: number | undefined;
  /** Absent: the known one stays. */
  readonly crawlDelayUs?: number | undefined;
  /** Deferred slices that have come to this worker. */
  readonly arrivals?: readonly { readonly slice: string; readonly fetches: number }[] | undefined;
  readonly batches?: readonly LimitsDocument[] | undefined;
}

const count = z.number().int();

/** What EXCHANGE returns; see `GateAnswer`. */
export const exchangeReply = z.object({
  /** Epoch ms with three decimals, by the clock of Redis. */
  nowMs: z.string(),
  granted: count.optional(),
  /** Slots of the worker that follow those of the granted starts. */
  reserved: count.optional(),
  /** From now; negative where part of a burst is left. */
  firstUs: count.optional(),
  spacingUs: count.optional(),
  againUs: count.optional(),
  /** Absent: open. */
  state: z.enum(['rate', 'concurrency', 'blocked', 'breaker', 'probing']).optional(),
  /** Absent: 1. */
  waiters: count.optional(),
  paceUs: count.optional(),
  hasChanged: z.literal(true).optional(),
  /** Only beside `hasChanged`. */
  lastError: z.string().optional(),
  /** Absent: unlimited. */
  allowedInFlight: count.optional(),
  /** Absent: unlimited. */
  spare: count.optional(),
  deferred: count.optional(),
  isShared: z.literal(true).optional(),
  isAlone: z.literal(true).optional(),
  early: z.array(z.string()).optional(),
  deniedForUs: count.optional(),
  wakeSlices: z.array(z.string()).optional(),
  overdueSlices: z.array(z.string()).optional(),
  silentBatches: z.array(z.string()).optional(),
});

export type ExchangeReply = z.infer<typeof exchangeReply>;

/** What DEFER takes. */
export interface DeferDocument {
  readonly slice: string;
  readonly fetches: number;
  /** Absent: it was never deferred. */
  readonly ticket?: number | undefined;
}

/** What LEAVE takes. */
export interface LeaveDocument {
  readonly slices?: readonly string[] | undefined;
  /** Overdue slices that have no need to be woken any more. */
  readonly queued?: readonly string[] | undefined;
  /** Absent: only the slices leave. */
  readonly batch?: string | undefined;
}

/** What LEAVE returns. */
export const leaveReply = z.object({ left: count });

/** What DEFER returns. */
export const deferReply = z.object({ ticket: count, dueInMs: count });

const limitSource = z.enum(['set', 'crawl file', 'robots.txt', 'learned', 'none']);

/** Where a limit comes from. `none`: no batch has asked yet, so nothing is limited. */
export type LimitSource = z.infer<typeof limitSource>;

const some = count.nonnegative();
const amount = z.number().nonnegative();

const inspected = z.object({
  /** A number with 17 digits; 0 is unlimited. */
  intervalUs: z.string().refine((text) => amount.safeParse(Number(text)).success),
  intervalSource: limitSource,
  burst: some,
  /** Absent: unlimited. */
  concurrency: some.exactOptional(),
  concurrencySource: limitSource,
  inUse: some,
  workers: some,
  waiting: some,
  breaker: z.enum(['closed', 'open', 'half-open']),
  learnedRate: amount.exactOptional(),
  durationMs: amount.exactOptional(),
  blockedUntilMs: instantMs.exactOptional(),
  blockedMs: some.exactOptional(),
  blockedFor: z.string().exactOptional(),
  openUntilMs: instantMs.exactOptional(),
  openMs: some.exactOptional(),
  lastError: z.string().exactOptional(),
  robotsError: z.string().exactOptional(),
});

/** What INSPECT returns; null where the gate knows nothing of the origin. */
export const inspectReply = inspected.nullable();

export type InspectedOrigin = z.infer<typeof inspected>;
