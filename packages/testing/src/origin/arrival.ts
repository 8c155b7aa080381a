import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** A request that an origin received. */
export interface Arrival {
  /** Path and query. */
  readonly url: string;
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** `performance.now()` when its headers were read. */
  readonly at: number;
}

export function arrivalOf(request: IncomingMessage): Arrival {
  const url = request.url ?? '/';
  return {
    url,
    path: url.replace(/\?.*$/su, ''),
    method: request.method ?? 'GET',
    headers: request.headers,
    at: performance.now(),
  };
}
