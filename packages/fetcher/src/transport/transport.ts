import type { LookupFunction } from 'node:net';
import type { NetworkPolicy } from '@fetchfleet/crawl';

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
  onData(chunk: Buffer): void;
  onEnd(): void;
  /**
   * @param isStale whether a kept-alive connection was closed before the first byte of an answer:
   *   the origin has not processed the request, so it may be sent again
   */
  onError(error: Error, isStale: boolean): void;
}

/** One request in flight. */
export interface SentRequest {
  pause(): void;
  resume(): void;
  /** Ends the request and closes its connection. Idempotent. */
  abort(): void;
}

/**
 * Sends one GET over one connection: no redirects, retries, decompression, cache or cookies, and no
 * status is an error. The exchange does all of that, so all transports behave the same.
 */
export interface Transport {
  send(url: URL, headers: Readonly<Record<string, string>>, handler: ResponseHandler): SentRequest;
  /** Closes every connection at once. Idempotent. */
  stop(): Promise<void>;
}

/**
 * How a transport makes its connections. A transport serves a single policy, because a pooled
 * connection is not checked again.
 */
export interface ConnectOptions {
  readonly policy: NetworkPolicy;
  readonly lookup: LookupFunction;
  /** DNS, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  readonly maxConnectionsPerOrigin: number;
}

/** How long an idle connection is kept, unless the origin announced a shorter time. */
export const IDLE_CONNECTION_MS = 4_000;
