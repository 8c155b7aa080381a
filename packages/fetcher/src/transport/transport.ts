import type { Method } from '@fetchfleet/crawl';
import type { ConnectionOptions } from '../connect/connect.ts';
import type { ProxyError } from '../connect/errors.ts';

/**
 * Receives the response of one request. `onEnd` and `onError` are final. Nothing is called before
 * `send` has returned, or after `abort()`.
 */
export interface ResponseHandler {
  /**
   * Header names are lower-case; repeated headers are joined by `, `, unless they have one value.
   *
   * @param cookies every `set-cookie`: joined, they cannot be told apart
   */
  onHeaders(
    status: number,
    headers: Readonly<Record<string, string>>,
    cookies: readonly string[] | undefined,
  ): void;
  /**
   * Memory for the next bytes of the body. A transport that can read them there saves a copy; it
   * gives them to `onData` as a part of that memory. Undefined if they have no place yet.
   */
  bodySpace(): Buffer | undefined;
  /** @param chunk belongs to the handler from now on */
  onData(chunk: Buffer): void;
  onEnd(): void;
  onError(error: Error): void;
  /**
   * Final as well: its connection was ready too late to send it. The connection is kept for the
   * next request.
   */
  onTooLate(): void;
}

/** One request in flight. */
export interface SentRequest {
  pause(): void;
  resume(): void;
  /** Ends the request and closes its connection. Idempotent. */
  abort(): void;
  /** Whether it has no connection yet, so that nothing of it has been sent. */
  readonly isConnecting: boolean;
  /** Whether a part of the head of its answer has arrived, or an interim answer, and not all. */
  readonly isInHead: boolean;
  /**
   * Called when the fetch has run out of time, before `abort`.
   *
   * @returns the fault if it is that of what is before the origin. @default it is the origin's
   */
  timedOut?(): ProxyError | undefined;
}

export interface RequestMessage {
  readonly url: URL;
  readonly method: Method;
  /** Sent with its length, never in chunks: some servers know no others. */
  readonly body: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Whether it must have a connection over which nothing was sent. One that was used, the origin
   * may close just when the request is on its way.
   */
  readonly isOnNewConnection: boolean;
  /**
   * If it cannot be sent within so many ms, because its connection takes longer, it is not sent at
   * all. @default Infinity
   */
  readonly sendWithinMs?: number;
  /** Whether the request names the whole URL, as a proxy has to be asked for one. @default false */
  readonly isToProxy?: boolean;
}

/**
 * Sends one request over one connection, once: no redirects, retries, decompression, cache or
 * cookies, and no status is an error. The exchange does all of that, so all transports behave the
 * same.
 */
export interface Transport {
  send(message: RequestMessage, handler: ResponseHandler): SentRequest;
  /** What sends all requests of one fetch. @default this transport itself */
  forFetch?(): Pick<Transport, 'send'>;
  /** Closes the connections that no request uses. */
  closeIdle(): void;
  /** Closes every connection at once. Idempotent. */
  stop(): Promise<void>;
}

/**
 * How a transport makes its connections. A transport serves a single policy, because a pooled
 * connection is not checked again.
 */
export interface ConnectOptions extends ConnectionOptions {
  readonly maxConnectionsPerOrigin: number;
  /** Whether the answers are those to HEAD, and have no body whatever they say. @default false */
  readonly isForHead?: boolean;
}
