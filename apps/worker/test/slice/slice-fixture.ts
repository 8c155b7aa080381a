import {
  compileRequest,
  encodeDraft,
  type FetchResponse,
  type FetchResult,
  type LastReason,
  lineText,
  type PendingFetch,
  type Plan,
  type RequestTemplate,
} from '@fetchfleet/crawl';
import type { FetchListener, FetchRequest } from '@fetchfleet/fetcher';
import { createLogger, createMetrics } from '@fetchfleet/service';
import { track } from '@fetchfleet/testing';
import type { RobotsAnswer } from '../../src/batch/robots.ts';
import type { ActiveBatch } from '../../src/batch/batches.ts';
import type { Admission, StartGrant, WaitingSlice } from '../../src/origin/waiting-slice.ts';
import { Permits } from '../../src/permits/permits.ts';
import { Recorder } from '../../src/record/recorder.ts';
import type { SliceTools } from '../../src/slice/slice-run.ts';

interface StartedFetch {
  readonly request: FetchRequest;
  readonly listener: FetchListener;
}

export function fetchOf(index: number, fetch: Partial<PendingFetch> = {}): PendingFetch {
  return { index, values: [String(index)], attempts: 0, dueAt: 0, throttledSince: 0, ...fetch };
}

export function responseOf(status: number, headers: Record<string, string> = {}): FetchResponse {
  return { kind: 'response', status, headers, body: Buffer.alloc(0), startedAt: 0, durationMs: 5 };
}

/** The request of a batch whose URLs are these. */
export function requestOf(url: string): RequestTemplate {
  return compileRequest({ url, params: ['n'], headers: {} });
}

export function batchOf(batch: Partial<ActiveBatch> = {}): ActiveBatch {
  const plan: Plan = {
    name: 'b',
    url: 'http://origin.example/{n}',
    params: ['n'],
    headers: {},
    politeness: {
      rate: 'unlimited',
      burst: 1,
      concurrency: 'unlimited',
      robots: 'ignore',
      patienceMs: 60_000,
    },
    retry: { attempts: 3, backoffMs: 1_000 },
    limits: { timeoutMs: 1_000, maxBodyBytes: 1_000, redirects: 0 },
    network: { allowPrivate: true, allow: [] },
  };
  return {
    id: 'b',
    plan,
    total: 10,
    createdAt: 0,
    request: compileRequest(plan),
    secretHeaders: [],
    secrets: () => [],
    lackingSecrets: () => [],
    network: plan.network,
    lackingPermissions: [],
    state: 'running',
    cancelled: new AbortController().signal,
    paused: new AbortController().signal,
    ...batch,
  };
}

/** Everything that a slice uses, in memory. */
export function startTools({
  admit = startAll,
  robots = { kind: 'rules', isAllowed: () => true },
  canRecord = true,
  beforeSettle = async () => undefined,
}: {
  /** How the scheduler treats a slice. @default all of its fetches start */
  readonly admit?: (slice: WaitingSlice, grant: StartGrant) => Admission | Promise<Admission>;
  /** What is known of robots.txt. @default it allows everything */
  readonly robots?: RobotsAnswer;
  /** Whether records can be written. */
  readonly canRecord?: boolean;
  /** Where it rejects, the ledger does. @default it does not */
  readonly beforeSettle?: () => Promise<void>;
} = {}) {
  const lines: string[] = [];
  const started: StartedFetch[] = [];
  const ended: (FetchResult | undefined)[] = [];
  const draining = new AbortController();
  const expired = new AbortController();
  const recorder = new Recorder({
    sink: {
      append: async (_batch, added) => {
        if (!canRecord) {
          throw new Error('the disk is full');
        }
        lines.push(...added.map(encodeDraft).map(lineText));
      },
    },
    ledger: {
      settle: async (_id, settlements) => {
        await beforeSettle();
        return { settled: settlements.length, finished: false };
      },
    },
    onSinkError: () => recorder.stop(),
    onComparisonError: () => undefined,
    onRecovered: () => undefined,
    onRecorded: () => undefined,
    onFinished: () => undefined,
  });
  const metrics = createMetrics({ worker: 'w-1', version: '0', transport: 'got' });
  let isOpen = true;
  track({
    what: 'the tools of a slice',
    isOpen: () => isOpen,
    close: async () => {
      recorder.stop();
      metrics.stop();
      isOpen = false;
    },
  });
  const grant: StartGrant = {
    holders: new Set(),
    onEnded: (result) => {
      ended.push(result);
    },
    sendWithinMs: () => Infinity,
    deniedForMs: () => 0,
  };
  const attempts: string[] = [];
  const tools: SliceTools = {
    worker: 'w-1',
    recorder,
    metrics,
    attempts: {
      retried: (batch) => attempts.push(`${batch} retried`),
      throttled: (batch) => attempts.push(`${batch} throttled`),
    },
    log: createLogger({ name: 'test', level: 'silent', pretty: false }),
    fetcher: {
      start: (request, listener) => {
        const { signal } = request;
        const onAbort = (): void => listener.onAborted(signal?.reason);
        signal?.addEventListener('abort', onAbort);
        // A fetch ends once: after its end it does not listen to the signal any more.
        const own: FetchListener = {
          onResult: (result) => {
            signal?.removeEventListener('abort', onAbort);
            listener.onResult(result);
          },
          onAborted: (reason) => {
            signal?.removeEventListener('abort', onAbort);
            listener.onAborted(reason);
          },
          sendWithinMs: () => listener.sendWithinMs?.() ?? Infinity,
          onTooLate: (held) => listener.onTooLate?.(held),
        };
        started.push({ request, listener: own });
        return { abort: (reason) => own.onAborted(reason) };
      },
    },
    maxRetryAfterMs: 60_000,
    schedulers: {
      of: () => ({ admit: async (slice) => admit(slice, grant) }),
      wake: () => undefined,
    },
    robots: { known: () => undefined, ask: async () => robots },
    permits: new Permits(10),
    draining: draining.signal,
    expired: expired.signal,
  };
  return {
    tools,
    grant,
    started,
    ended,
    draining,
    expired,
    lines,
    records: () => lines.map(recordOf),
    errors: () => lines.map(errorOf),
  };
}

/** Admits a slice for all that waits. */
export function startAll(slice: WaitingSlice, grant: StartGrant): Admission {
  while (slice.waiting > 0) {
    slice.start(grant);
  }
  return { kind: 'started' };
}

/** The parts of a record that the tests compare. */
interface RecordPart {
  readonly index: number;
  readonly outcome: string;
  readonly attempts: number;
}

function recordOf(line: string): RecordPart {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the worker itself
  const { index, outcome, attempts } = JSON.parse(line) as RecordPart;
  return { index, outcome, attempts };
}

/** How a record says that its fetch has failed. */
function errorOf(line: string): Partial<LastReason> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the worker itself
  const record = JSON.parse(line) as Partial<LastReason> & { readonly error?: Partial<LastReason> };
  const { outcome, status, error } = record;
  return { ...error, ...(outcome && { outcome }), ...(status !== undefined && { status }) };
}
