import type { FetchError, Outcome } from '@fetchfleet/crawl';
import type { ClaimedSlice } from '@fetchfleet/fleet';
import { type Attributes, batchAttributes, type Span, type Tracing } from '@fetchfleet/service';
import type { ActiveBatch } from '../batch/batches.ts';

/** A fetch, or a page of it, that did not succeed. */
interface Failure {
  readonly index: number;
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly status: number | undefined;
  readonly error: FetchError | undefined;
  /** Without credentials, as in its record. */
  readonly url: string;
}

interface NextTry {
  readonly index: number;
  /** Attempts used so far. */
  readonly attempts: number;
  /** A status, or what has happened instead of an answer. */
  readonly reason: string;
  readonly delayMs: number;
}

/**
 * An event costs some 6 µs, until it is sent. A slice has up to 50 fetches, and all of them may
 * fail: tracing must not cost more than 2 µs a fetch.
 */
const MAX_EVENTS = 10;

/**
 * The span of a slice in this worker, from its claim until it is done, or goes back to the queue. A
 * batch has any number of slices, so each begins a trace of its own, which links to that of its
 * batch, and to the run of the schedule that has started it.
 */
export class SliceSpan {
  readonly #span: Span;
  #fetches = 0;
  #failures = 0;
  #retries = 0;

  constructor(span: Span) {
    this.#span = span;
  }

  static start(tracing: Tracing, { batch, claim, origin, worker }: Traced): SliceSpan {
    const { id, plan, trace } = batch;
    return new SliceSpan(
      tracing.start('process slice', {
        kind: 'consumer',
        links: [trace?.batch, trace?.schedule],
        attributes: {
          ...batchAttributes(id, plan.name),
          ...serverOf(origin),
          'fetchfleet.slice.id': claim.id,
          'fetchfleet.slice.redeliveries': claim.redeliveries,
          'fetchfleet.worker.id': worker,
        },
      }),
    );
  }

  /** Fields of log lines about the slice. */
  get logFields(): Span['ids'] {
    return this.#span.ids;
  }

  /** @param fetches of the slice, or of one of its parts */
  holds(fetches: number): void {
    this.#fetches += fetches;
    this.#span.set({ 'fetchfleet.slice.fetches': this.#fetches });
  }

  failed({ index, outcome, attempts, status, error, url }: Failure): void {
    this.#failures += 1;
    if (!this.#hasRoom) {
      return;
    }
    this.#span.event('fetch failed', {
      'fetchfleet.fetch.index': index,
      'fetchfleet.fetch.outcome': outcome,
      'fetchfleet.fetch.attempts': attempts,
      'http.response.status_code': status,
      'error.type': error?.code ?? outcome,
      'url.full': url,
    });
  }

  retried({ index, attempts, reason, delayMs }: NextTry): void {
    this.#retries += 1;
    if (!this.#hasRoom) {
      return;
    }
    this.#span.event('fetch retried', {
      'fetchfleet.fetch.index': index,
      'fetchfleet.fetch.attempts': attempts,
      'fetchfleet.fetch.reason': reason,
      'fetchfleet.fetch.delay_ms': Math.round(delayMs),
    });
  }

  /** What became of the slice; the last word counts. */
  result(result: string): void {
    this.#span.set({ 'fetchfleet.slice.result': result });
  }

  /** An error of ours, not of a fetch. */
  error(error: Error): void {
    this.#span.set({ 'error.type': error.name });
    this.#span.fail(error.name);
  }

  /** Events are the first ones; the counts are of all. */
  end(): void {
    if (this.#failures + this.#retries > 0) {
      this.#span.set({
        'fetchfleet.slice.failures': this.#failures,
        'fetchfleet.slice.retries': this.#retries,
      });
    }
    this.#span.end();
  }

  get #hasRoom(): boolean {
    return this.#failures + this.#retries <= MAX_EVENTS;
  }
}

interface Traced {
  readonly batch: ActiveBatch;
  readonly claim: Pick<ClaimedSlice, 'id' | 'redeliveries'>;
  readonly origin: string;
  /** Id of this worker. */
  readonly worker: string;
}

/** By the semantic conventions of OpenTelemetry. */
function serverOf(origin: string): Attributes {
  const url = URL.parse(origin);
  if (url === null) {
    return {};
  }
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return {
    'server.address': url.hostname,
    'server.port': port,
    'url.scheme': url.protocol.slice(0, -1),
  };
}
