import { type FetchFailure, type FetchResult, type Limits, toError } from '@fetchfleet/crawl';

import { BodyBuffer } from './body-buffer.ts';
import { BodyDecoder, parseCodings } from './decode.ts';
import { type Cause, causeOf } from './failure.ts';
import { isRedirect, redirectTarget } from './redirect.ts';
import { type RequestHeaders, withoutCredentials } from './request-headers.ts';
import type { Hop, HopEvents, Transport } from '../transport/transport.ts';

/** A redirect's body is read, to keep its connection, unless it is larger or slower than this. */
const MAX_DRAINED_BYTES = 65_536;
const MAX_DRAINING_MS = 500;

/** Connections found stale before a fetch gives up: after a restart of the origin all idle ones are. */
const MAX_RESENDS = 2;

/** The longest delay of a Node timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

export interface ExchangeOptions {
  readonly url: URL;
  readonly headers: RequestHeaders;
  readonly secretHeaders: readonly string[] | undefined;
  readonly limits: Limits;
  readonly transport: Transport;
  /** Told once, when all is over; not after `abort()`, and never before `start` has returned. */
  readonly listener: { onResult(result: FetchResult): void };
}

/**
 * One fetch, its redirects included, as a state machine:
 *
 *     head ──headers──▶ body ──last byte──▶ over (response)
 *      ▲ │
 *      │ └─redirect───▶ draining ──────┐
 *      └───────────next hop────────────┘
 *
 * - `head`: the request is on its way; a stale connection sends it once more
 * - `draining`: the target is known; the body is thrown away, within bounds
 * - `body`: bytes are decoded, counted and kept
 * - `over`: reached from every state, by an error, a limit or the total timeout; nothing happens after it
 */
export class Exchange implements HopEvents {
  readonly #options: ExchangeOptions;
  readonly #startedAt = Date.now();
  readonly #started = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #body = new BodyBuffer();
  #state: 'head' | 'draining' | 'body' | 'over' = 'head';
  #url: URL;
  #requestHeaders: RequestHeaders;
  #hop: Hop | undefined;
  #next: URL | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #decoder: BodyDecoder | undefined;
  #redirects = 0;
  #resends = 0;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #bytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#url = options.url;
    this.#requestHeaders = options.headers;
    const { timeoutMs } = options.limits;
    this.#timer = setTimeout(() => this.#onTimeout(), Math.min(timeoutMs, MAX_TIMER_MS));
  }

  /** Sends the first request. To be called once. */
  start(): void {
    this.#send();
  }

  /** Ends it without a result. */
  abort(): void {
    this.#finish();
  }

  onHeaders(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status;
    this.#headers = headers;
    const { location } = headers;
    if (isRedirect(status, location)) {
      this.#redirect(location);
      return;
    }
    this.#state = 'body';
    const codings = parseCodings(headers['content-encoding']);
    if (codings.length > 0) {
      this.#decoder = new BodyDecoder(codings, this);
    } else if (announcedBytes(status, headers) > this.#options.limits.maxBodyBytes) {
      this.#failTooLarge();
    }
  }

  onData(chunk: Buffer): void {
    if (this.#state === 'draining') {
      this.#bytes += chunk.length;
      if (this.#bytes > MAX_DRAINED_BYTES) {
        this.#follow();
      }
    } else if (this.#decoder === undefined) {
      this.onDecoded(chunk);
    } else if (!this.#decoder.write(chunk)) {
      this.#hop?.pause();
    }
  }

  onEnd(): void {
    if (this.#state === 'draining') {
      this.#follow();
    } else if (this.#decoder === undefined) {
      this.onDecodedEnd();
    } else {
      this.#decoder.end();
    }
  }

  onError(error: Error, stale: boolean): void {
    if (this.#state === 'draining') {
      this.#follow();
    } else if (stale && this.#state === 'head' && this.#resends < MAX_RESENDS) {
      this.#resends += 1;
      this.#send();
    } else {
      const answered = this.#state === 'body';
      this.#fail(causeOf(error, { origin: this.#url.origin, answered, bytes: this.#bytes }));
    }
  }

  onDecoded(chunk: Buffer): void {
    if (this.#state !== 'body') {
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.limits.maxBodyBytes) {
      this.#failTooLarge();
    } else {
      this.#body.add(chunk);
    }
  }

  onDrain(): void {
    this.#hop?.resume();
  }

  onDecodedEnd(): void {
    if (this.#state !== 'body') {
      return;
    }
    const result: FetchResult = {
      kind: 'response',
      ...this.#timing(),
      status: this.#status,
      headers: this.#headers,
      body: this.#body.take(),
    };
    this.#finish();
    this.#options.listener.onResult(result);
  }

  onCorrupt(error: Error): void {
    const coding = this.#headers['content-encoding'] ?? '';
    const message = `the body from ${this.#url.origin} is no valid ${coding}: ${error.message}`;
    this.#fail({ outcome: 'network-error', code: 'BODY_CORRUPT', message });
  }

  #send(): void {
    this.#state = 'head';
    try {
      this.#hop = this.#options.transport.send(this.#url, this.#requestHeaders, this);
    } catch (error) {
      queueMicrotask(() => this.onError(toError(error), false));
    }
  }

  #redirect(location: string): void {
    const { redirects } = this.#options.limits;
    const target = redirectTarget(location, this.#url);
    if (!(target instanceof URL)) {
      this.#fail({ outcome: 'bad-redirect', ...target });
    } else if (this.#redirects >= redirects) {
      const message = `more than ${redirects} redirects, the last one at ${this.#url.origin}`;
      this.#fail({ outcome: 'bad-redirect', code: 'TOO_MANY_REDIRECTS', message });
    } else {
      this.#redirects += 1;
      this.#next = target;
      this.#state = 'draining';
      this.#drainTimer = setTimeout(() => this.#follow(), MAX_DRAINING_MS);
    }
  }

  /** Goes on to the target of a redirect. Its connection is closed unless its body has ended. */
  #follow(): void {
    clearTimeout(this.#drainTimer);
    this.#hop?.abort();
    const target = this.#next;
    if (target === undefined || this.#state !== 'draining') {
      return;
    }
    if (target.origin !== this.#url.origin) {
      // They do not come back when a later redirect does: what lies between may have chosen the way.
      const { secretHeaders } = this.#options;
      this.#requestHeaders = withoutCredentials(this.#requestHeaders, secretHeaders);
    }
    this.#url = target;
    this.#bytes = 0;
    this.#resends = 0;
    this.#send();
  }

  #onTimeout(): void {
    const seconds = this.#options.limits.timeoutMs / 1_000;
    const where =
      this.#state === 'body' ? `${this.#bytes} bytes of the body had come` : 'no answer had come';
    const message = `${this.#url.origin} took longer than ${seconds} s; ${where}`;
    this.#fail({ outcome: 'timeout', code: 'FETCH_TIMEOUT', message });
  }

  #failTooLarge(): void {
    const { maxBodyBytes } = this.#options.limits;
    const message = `the body from ${this.#url.origin} is larger than ${maxBodyBytes} bytes`;
    this.#fail({ outcome: 'too-large', code: 'BODY_TOO_LARGE', message });
  }

  #fail(cause: Cause): void {
    if (this.#state === 'over') {
      return;
    }
    const result: FetchFailure = {
      kind: 'failure',
      ...this.#timing(),
      ...cause,
      bytes: this.#state === 'body' ? this.#bytes : 0,
      ...(this.#status > 0 && this.#state !== 'draining' ? { status: this.#status } : {}),
    };
    this.#finish();
    this.#options.listener.onResult(result);
  }

  #finish(): void {
    this.#state = 'over';
    clearTimeout(this.#timer);
    clearTimeout(this.#drainTimer);
    this.#decoder?.destroy();
    this.#hop?.abort();
  }

  #timing(): { startedAt: number; durationMs: number } {
    return { startedAt: this.#startedAt, durationMs: performance.now() - this.#started };
  }
}

/** What `content-length` promises; 0 where it is absent or describes a body that is not sent. */
function announcedBytes(status: number, headers: Readonly<Record<string, string>>): number {
  return status === 204 || status === 304 ? 0 : Number(headers['content-length'] ?? 0);
}
