import {
  type Answer,
  errorOf,
  type FetchError,
  type FetchRecord,
  type FetchResponse,
  type FetchResult,
  nextPageHeader,
  type Outcome,
  type PageStep,
  type PendingFetch,
  redactUrl,
  repeatsSecret,
} from '@fetchfleet/crawl';
import type { Settlement } from '@fetchfleet/fleet';
import type { Logger, Metrics } from '@fetchfleet/service';
import type { ActiveBatch } from '../batch/batches.ts';
import { nextPage, nextRequest } from '../batch/next-request.ts';
import type { SliceSpan } from './slice-span.ts';
import { draftOf } from './draft-of.ts';
import type { OnRecorded, Recorder } from './recorder.ts';

/** How a fetch, or a page of it, ended for good. */
export interface Ending {
  readonly outcome: Outcome;
  /** Including the last one. */
  readonly attempts: number;
  /** Absent where nothing was tried now: `worker-lost`, or patience is over. */
  readonly result?: FetchResult;
  /** The result, read by the rules of the crawl file. Absent if there are none. */
  readonly answer?: Answer | undefined;
  /** @default that of the result */
  readonly status?: number;
  /** What went wrong. @default what the result says */
  readonly error?: { readonly code: string; readonly message: string };
  /** What follows a page. @default nothing, because it failed */
  readonly step?: PageStep | undefined;
}

export interface SettleTools {
  readonly worker: string;
  readonly recorder: Recorder;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** The batch, origin and slice of a fetch. */
export interface SettleTarget {
  readonly batch: ActiveBatch;
  readonly origin: string;
  /** Id of its slice. */
  readonly slice: string;
  /** @default it is not traced */
  readonly span?: SliceSpan | undefined;
}

const FAILED: PageStep = { end: 'failed' };

/**
 * Writes the one record of a fetch, or of a page. `onRecorded` is called when it is durable and in
 * the ledger.
 */
export function settle(
  { worker, recorder, metrics, log }: SettleTools,
  { batch, origin, slice, span }: SettleTarget,
  { fetch, ending }: { readonly fetch: PendingFetch; readonly ending: Ending },
  onRecorded: OnRecorded,
): void {
  const { outcome, attempts, result } = ending;
  const { index, values } = fetch;
  const durationMs = Math.round((result?.durationMs ?? 0) * 100) / 100;
  const response = result?.kind === 'response' ? result : undefined;
  const bytes = response?.body.length ?? (result?.kind === 'failure' ? result.bytes : 0);
  const contentType = contentTypeOf(batch, response);
  const status = ending.status ?? result?.status;
  const error =
    ending.error ?? (outcome === 'ok' || !result ? undefined : reasonOf(ending, result));
  const kept = ending.answer?.kept(outcome);
  const keptBody = kept?.body;
  const { method, expand } = batch.request;
  const step = batch.pagination && (ending.step ?? FAILED);
  const page = step && nextPage(fetch);
  const url = redactUrl(step === undefined ? expand(values) : nextRequest(batch, fetch).url);
  if (outcome !== 'ok') {
    span?.failed({ index, outcome, attempts, status, error, url });
  }
  const record: FetchRecord = {
    batch: batch.id,
    index,
    page,
    end: step && 'end' in step ? step.end : undefined,
    params: Object.fromEntries(batch.plan.params.map((name, i) => [name, values[i] ?? ''])),
    headers: kept?.headers ?? unaskedHeaders(batch, url, response),
    url,
    method: method === 'GET' ? undefined : method,
    outcome,
    status,
    attempts,
    startedAt: isoTime(result?.startedAt ?? Date.now()),
    durationMs,
    bytes,
    contentType,
    worker,
    finalUrl: result?.finalUrl,
    error,
    selected: keptBody?.kind === 'selected' ? keptBody.count : undefined,
  };
  const entry = {
    settlement: {
      index,
      outcome,
      durationMs,
      bytes,
      page: step && settledPage(step),
    },
    // The next page is asked for after it, or the last one may be all that its slice waits for.
    isAwaited: step !== undefined,
    onRecorded: (isRecorded: boolean) => {
      if (isRecorded) {
        const durationSeconds = durationMs / 1000;
        if (step !== undefined) {
          metrics.pageRecorded({
            durationSeconds,
            bytes,
            end: 'end' in step ? step.end : undefined,
          });
        }
        const isSettled = step === undefined || 'end' in step;
        if (isSettled) {
          metrics.fetchSettled({ outcome, origin, durationSeconds, bytes });
        }
        if (log.isLevelEnabled('debug')) {
          const ended = { outcome, status, attempts, durationMs, bytes, error: error?.code };
          const what = isSettled ? 'fetch settled' : 'page recorded';
          const ids = span?.logFields;
          log.debug({ batch: batch.id, slice, origin, index, page, url, ...ended, ...ids }, what);
        }
      }
      onRecorded(isRecorded);
    },
  };
  const { revalidation } = batch;
  const isCompared = revalidation !== undefined && outcome === 'ok';
  const comparison = isCompared ? { revalidation, values, known: fetch.known } : undefined;
  const draft = draftOf({ record, response, keptBody, comparison });
  if (draft instanceof Promise) {
    recorder.recordLater(batch.id, { ...entry, draft, bytes });
  } else {
    recorder.record(batch.id, { ...entry, draft });
  }
}

function unaskedHeaders(
  { pagination, secrets }: ActiveBatch,
  url: string,
  response: FetchResponse | undefined,
): FetchRecord['headers'] {
  const isFollowed = response === undefined || pagination !== undefined;
  return isFollowed ? undefined : nextPageHeader(response, url, secrets);
}

function contentTypeOf(
  { secrets }: ActiveBatch,
  response: FetchResponse | undefined,
): string | undefined {
  const type = response?.headers['content-type'];
  return type === undefined || repeatsSecret(type, secrets()) ? undefined : type;
}

function reasonOf({ outcome, answer }: Ending, result: FetchResult): FetchError | undefined {
  return outcome === 'unexpected' ? answer?.verdict?.problem : errorOf(result);
}

/** A fetch that is retried goes on with the page that failed. */
function settledPage(step: PageStep): Settlement['page'] {
  return 'end' in step ? { keepsCursor: step.end === 'failed' } : { cursor: step.stored };
}

let lastMs = Number.NaN;
let lastText = '';

/**
 * The last text is kept, because fetches that end together mostly began in the same millisecond,
 * and formatting takes 0.7 µs of the 80 that a fetch costs.
 */
function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}
