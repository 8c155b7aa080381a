import {
  type FetchFailure,
  type FetchResponse,
  type FetchResult,
  type Limits,
  type Method,
  repeatsSecret,
  toError,
} from '@fetchfleet/crawl';
import type { ResponseHandler, SentRequest, Transport } from '../transport/transport.ts';
import { BodyBuffer } from './body-buffer.ts';
import { BodyDecoder, parseCodings } from './body-decoder.ts';
import { CookieChain } from './cookie-chain.ts';
import { classifyError, excerptOf, type FailureReason } from './failure.ts';
import { finalUrlOf, isRedirect, methodAfter, redirectTarget } from './redirect.ts';
import { forOtherOrigins, type RequestHeaders, withoutBodyHeaders } from './request-headers.ts';

/**
 * The body of a redirect is read to keep its connection, unless it is larger or slower than this.
 */
const MAX_DRAINED_BYTES = 65_536;
const MAX_DRAINING_MS = 500;

/** The longest delay of a Node timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

const NO_BODY = Buffer.alloc(0);

/** Called once, at the end; not after `abort()`, and never before `start` has returned. */
interface ExchangeListener {
  onResult(result: FetchResult): void;
  /** Called at every redirect, which waits for `follow`, `refuse` or `abort`. */
  onRedirect(answer: FetchResponse, target: URL): void;
  /** See `FetchListener`. @default Infinity */
  sendWithinMs(): number;
  /** Called when the connection for a request was ready too late. It waits as at a redirect. */
  onTooLate(target: URL): void;
}

export interface ExchangeOptions {
  readonly url: URL;
  readonly method: Method;
  readonly body: Buffer | undefined;
  readonly headers: RequestHeaders;
  /** Sent with the first request alone. */
  readonly conditions: RequestHeaders | undefined;
  readonly secretHeaders: readonly string[] | undefined;
  readonly secrets: (() => readonly string[]) | undefined;
  /** Of requests that belong to no crawl. */
  readonly userAgent: string;
  readonly limits: Limits;
  /** Whether each of its requests must have a new connection. */
  readonly isOnNewConnection: boolean;
  readonly transport: Pick<Transport, 'send'>;
  readonly listener: ExchangeListener;
}

/**
 * One fetch including its redirects, as a state machine:
 *
 *     head ──headers──▶ body ──last byte──▶ over (response)
 *      ▲ ├─redirect───▶ draining ───▶ held
 *      │ └─too late to send─────────────▲│
 *      └──────────────follow─────────────┘
 *
 * - `head`: the request has been sent. It is never sent again by itself: the origin may have read
 *   it, and every request has to count at the gate
 * - `draining`: the redirect target is known; the body is discarded, within limits
 * - `held`: nothing is in flight, and the time does not count: every hop is a request of its own,
 *   which may have to wait for its turn at its origin
 * - `body`: bytes are decoded, counted and kept
 * - `over`: entered from every state by an error, a limit or the total timeout; final
 */
export class Exchange implements ResponseHandler {
  readonly #options: ExchangeOptions;
  readonly #startedAt = Date.now();
  #timer: NodeJS.Timeout;
  // As `performance.now()`, like the three below.
  readonly #started = performance.now();
  /** Since when the time counts. Moves on by every time in which it is held. */
  #countedFrom = this.#started;
  #sentAt = this.#started;
  #heldAt = 0;
  readonly #body = new BodyBuffer();
  #state: 'head' | 'draining' | 'held' | 'body' | 'over' = 'head';
  #url: URL;
  #method: Method;
  #requestBody: Buffer | undefined;
  #requestHeaders: RequestHeaders;
  #request: SentRequest | undefined;
  #next: URL | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #decoder: BodyDecoder | undefined;
  /** Undefined until a redirect sets a cookie. */
  #cookies: CookieChain | undefined;
  /** The cookies for the request in flight, where a redirect set any. */
  #cookie: string | undefined;
  #redirects = 0;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #bytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#url = options.url;
    this.#method = options.method;
    this.#requestBody = options.body;
    this.#requestHeaders = options.headers;
    this.#timer = this.#startTimer(options.limits.timeoutMs);
  }

  /** Sends the first request. Call it once. */
  start(): void {
    this.#send();
  }

  /** Requests the target of the redirect that it was held at, or what was too late. */
  follow(): void {
    if (this.#state !== 'held') {
      return;
    }
    this.#countedFrom += performance.now() - this.#heldAt;
    this.#timer = this.#startTimer(this.#options.limits.timeoutMs - this.#activeMs());
    if (this.#cookies === undefined) {
      this.#send();
    } else {
      this.#state = 'head';
      void this.#sendWithCookies(this.#cookies);
    }
  }

  /** Ends the exchange where it is held: it must not go on. */
  refuse(reason: FailureReason): void {
    if (this.#state === 'held') {
      this.#fail(reason);
    }
  }

  /** Ends the exchange without a result. */
  abort(): void {
    this.#finish();
  }

  onHeaders(
    status: number,
    headers: Readonly<Record<string, string>>,
    cookies: readonly string[] | undefined,
  ): void {
    this.#status = status;
    this.#headers = headers;
    const { location } = headers;
    if (isRedirect(status, location)) {
      if (cookies !== undefined) {
        this.#cookies ??= new CookieChain();
        this.#cookies.add(cookies, this.#url);
      }
      this.#redirect(location);
      return;
    }
    this.#state = 'body';
    const codings = parseCodings(headers['content-encoding']);
    if (codings.length > 0) {
      this.#decoder = new BodyDecoder(codings, this.#options.limits.maxBodyBytes, this);
      return;
    }
    const announced = this.#announcedBytes();
    if (announced > this.#options.limits.maxBodyBytes) {
      this.#failTooLarge();
    } else {
      this.#body.announce(announced);
    }
  }

  bodySpace(): Buffer | undefined {
    const isKept = this.#state === 'body' && this.#decoder === undefined;
    return isKept ? this.#body.space() : undefined;
  }

  onData(chunk: Buffer): void {
    if (this.#state === 'draining') {
      this.#bytes += chunk.length;
      if (this.#bytes > MAX_DRAINED_BYTES) {
        this.#hold();
      }
    } else if (this.#decoder === undefined) {
      this.onDecoded(chunk);
    } else if (!this.#decoder.write(chunk)) {
      this.#request?.pause();
    }
  }

  onEnd(): void {
    if (this.#state === 'draining') {
      this.#hold();
    } else if (this.#decoder === undefined) {
      this.onDecodedEnd();
    } else {
      this.#decoder.end();
    }
  }

  onError(error: Error): void {
    if (this.#state === 'draining') {
      this.#hold();
    } else {
      const isAnswered = this.#state === 'body';
      const isInHead = this.#isInHead();
      const state = { origin: this.#url.origin, isInHead, isAnswered, bytes: this.#bytes };
      this.#fail(classifyError(error, state));
    }
  }

  onTooLate(): void {
    if (this.#state === 'head') {
      clearTimeout(this.#timer);
      this.#state = 'held';
      this.#heldAt = performance.now();
      this.#options.listener.onTooLate(this.#url);
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
    this.#request?.resume();
  }

  onDecodedEnd(): void {
    if (this.#state !== 'body') {
      return;
    }
    const result: FetchResult = {
      kind: 'response',
      ...this.#outline(),
      status: this.#status,
      headers: this.#headers,
      body: this.#body.take(),
    };
    this.#finish();
    this.#options.listener.onResult(result);
  }

  onTooLarge(): void {
    this.#failTooLarge();
  }

  onCorrupt(error: Error): void {
    const coding = excerptOf(this.#headers['content-encoding'] ?? '');
    const message = `the body from ${this.#url.origin} is not valid ${coding}: ${error.message}`;
    this.#fail({ outcome: 'network-error', code: 'BODY_CORRUPT', message });
  }

  #startTimer(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#onTimeout(), Math.min(ms, MAX_TIMER_MS));
  }

  /** How long its requests have taken so far. */
  #activeMs(): number {
    return (this.#state === 'held' ? this.#heldAt : performance.now()) - this.#countedFrom;
  }

  #send(): void {
    this.#state = 'head';
    this.#sentAt = performance.now();
    try {
      const { transport, isOnNewConnection, listener } = this.#options;
      this.#request = transport.send(
        {
          url: this.#url,
          method: this.#method,
          body: this.#requestBody,
          headers: this.#headersToSend(),
          isOnNewConnection,
          sendWithinMs: this.#method === 'HEAD' ? Infinity : listener.sendWithinMs(),
        },
        this,
      );
    } catch (error) {
      queueMicrotask(() => this.onError(toError(error)));
    }
  }

  #headersToSend(): RequestHeaders {
    const headers = this.#requestHeaders;
    if (this.#redirects === 0) {
      const { conditions } = this.#options;
      return conditions === undefined ? headers : { ...headers, ...conditions };
    }
    return this.#cookie === undefined ? headers : { ...headers, cookie: this.#cookie };
  }

  #redirect(location: string): void {
    const { redirects } = this.#options.limits;
    const method = methodAfter(this.#status, this.#method);
    const tells = (text: string): boolean => this.#tellsSecret(text);
    const target = redirectTarget(location, { from: this.#url, method, tells });
    if (!(target instanceof URL)) {
      this.#fail({ outcome: 'bad-redirect', ...target });
    } else if (this.#redirects >= redirects) {
      const message = `more than ${redirects} redirects, the last one at ${this.#url.origin}`;
      this.#fail({ outcome: 'bad-redirect', code: 'TOO_MANY_REDIRECTS', message });
    } else {
      this.#redirects += 1;
      this.#next = target;
      if (method !== this.#method) {
        this.#method = method;
        this.#requestBody = undefined;
        this.#requestHeaders = withoutBodyHeaders(this.#requestHeaders);
      }
      this.#state = 'draining';
      this.#drainTimer = setTimeout(() => this.#hold(), MAX_DRAINING_MS);
    }
  }

  /** The redirect has been answered. The connection is closed unless the body has ended. */
  #hold(): void {
    clearTimeout(this.#drainTimer);
    this.#request?.abort();
    const target = this.#next;
    if (target === undefined || this.#state !== 'draining') {
      return;
    }
    clearTimeout(this.#timer);
    this.#state = 'held';
    this.#heldAt = performance.now();
    const answer: FetchResponse = {
      kind: 'response',
      startedAt: this.#startedAt + Math.round(this.#sentAt - this.#started),
      durationMs: this.#heldAt - this.#sentAt,
      status: this.#status,
      headers: this.#headers,
      body: NO_BODY,
    };
    if (target.origin !== this.#url.origin) {
      // They stay dropped if a later redirect returns: the origin in between may have chosen the
      // path.
      this.#requestHeaders = forOtherOrigins(this.#requestHeaders, this.#options);
    }
    this.#url = target;
    this.#bytes = 0;
    // What the target does is not what the origin before has answered.
    this.#status = 0;
    this.#headers = {};
    this.#options.listener.onRedirect(answer, target);
  }

  async #sendWithCookies(cookies: CookieChain): Promise<void> {
    const url = this.#url;
    try {
      this.#cookie = await cookies.headerFor(url, this.#requestHeaders['cookie']);
    } catch (error) {
      this.onError(toError(error));
    }
    if (!this.#isOver()) {
      this.#send();
    }
  }

  /** Also after a wait, when the type of `#state` is out of date. */
  #isOver(): boolean {
    return this.#state === 'over';
  }

  #onTimeout(): void {
    const fault = this.#state === 'head' ? this.#request?.timedOut?.() : undefined;
    if (fault !== undefined) {
      this.#fail({ outcome: 'timeout', code: fault.code, message: fault.message });
      return;
    }
    const seconds = this.#options.limits.timeoutMs / 1_000;
    const message = `${this.#url.origin} took longer than ${seconds} s; ${this.#arrived()}`;
    this.#fail({ outcome: 'timeout', code: 'FETCH_TIMEOUT', message });
  }

  #arrived(): string {
    if (this.#state === 'body') {
      return `${this.#bytes} bytes of the body had arrived`;
    }
    return this.#isInHead() ? 'an answer had begun to arrive' : 'no answer had arrived';
  }

  #isInHead(): boolean {
    return this.#state === 'head' && this.#request?.isInHead === true;
  }

  #failTooLarge(): void {
    const { maxBodyBytes } = this.#options.limits;
    const message = `the body from ${this.#url.origin} is larger than ${maxBodyBytes} bytes`;
    this.#fail({ outcome: 'too-large', code: 'BODY_TOO_LARGE', message });
  }

  #fail(reason: FailureReason): void {
    if (this.#state === 'over') {
      return;
    }
    const isBetween = this.#state === 'draining' || this.#state === 'held';
    const result: FetchFailure = {
      kind: 'failure',
      ...this.#outline(),
      ...reason,
      message: this.#tellsSecret(reason.message)
        ? `${this.#url.origin}: the reason repeats a secret, so it is not shown`
        : reason.message,
      bytes: this.#state === 'body' ? this.#bytes : 0,
      ...(this.#status > 0 && !isBetween ? { status: this.#status } : {}),
      ...(this.#isInHead() && { hasAnswerBegun: true }),
    };
    this.#finish();
    this.#options.listener.onResult(result);
  }

  /** An origin may repeat a secret in what it answers, and in where it redirects to. */
  #tellsSecret(text: string): boolean {
    const { url, secrets } = this.#options;
    return secrets !== undefined && repeatsSecret(text, secrets(), url.origin);
  }

  #finish(): void {
    this.#state = 'over';
    clearTimeout(this.#timer);
    clearTimeout(this.#drainTimer);
    this.#decoder?.destroy();
    this.#request?.abort();
  }

  /** The `content-length`; 0 if it is absent or describes a body that is not sent. */
  #announcedBytes(): number {
    const isBodiless = this.#status === 204 || this.#status === 304 || this.#method === 'HEAD';
    return isBodiless ? 0 : Number(this.#headers['content-length'] ?? 0);
  }

  #outline(): { startedAt: number; durationMs: number; finalUrl?: string } {
    const timing = { startedAt: this.#startedAt, durationMs: this.#activeMs() };
    if (this.#redirects === 0) {
      return timing;
    }
    const { url, secrets } = this.#options;
    const finalUrl = finalUrlOf(this.#url, url, secrets?.() ?? []);
    return finalUrl === undefined ? timing : { ...timing, finalUrl };
  }
}
