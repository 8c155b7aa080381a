import type { LookupFunction } from 'node:net';

import type { NetworkPolicy } from '@fetchfleet/crawl';

/**
 * What a transport tells of one hop. `onEnd` and `onError` are final, and nothing is told before `send` has returned, or after
 * `abort()`.
 */
export interface HopEvents {
  /** Header names are lower-case; repeated headers are joined by `, `. */
  onHeaders(status: number, headers: Readonly<Record<string, string>>): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /**
   * `stale` says that a kept-alive connection turned out to be closed before a byte of the answer
   * came: the origin has not processed the request, so it may be sent again.
   */
  onError(error: Error, stale: boolean): void;
}

/** One request on its way. */
export interface Hop {
  pause(): void;
  resume(): void;
  /** Ends the hop and closes its connection. Idempotent. */
  abort(): void;
}

/**
 * One GET over one connection: no redirects, retries, decompression, cache or cookies, and no status
 * is an error. Everything above that is the exchange's, so that all transports behave the same.
 */
export interface Transport {
  send(url: URL, headers: Readonly<Record<string, string>>, events: HopEvents): Hop;
  /** Closes every connection at once. Idempotent. */
  stop(): Promise<void>;
}

/** How a transport makes its connections. One transport serves one policy, or a pooled connection would bypass it. */
export interface ConnectOptions {
  readonly policy: NetworkPolicy;
  readonly lookup: LookupFunction;
  /** DNS, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  readonly maxConnectionsPerOrigin: number;
}

/** How long an idle connection is kept, unless the origin announced a shorter time. */
export const IDLE_CONNECTION_MS = 4_000;
