/** How a fetch can end. Everything but `ok` is a failure. */
export const OUTCOMES = [
  'ok',
  'http-error',
  'network-error',
  'timeout',
  'too-large',
  'bad-redirect',
  'robots-denied',
  'address-refused',
  'worker-lost',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** One finished exchange with an origin, its redirects included: a response, or the reason why there is none. */
export type FetchResult = FetchResponse | FetchFailure;

interface Timing {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
}

export interface FetchResponse extends Timing {
  readonly kind: 'response';
  readonly status: number;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Buffer;
}

export interface FetchFailure extends Timing {
  readonly kind: 'failure';
  readonly outcome: Exclude<Outcome, 'ok' | 'http-error' | 'worker-lost'>;
  /** Stable, for machines: `ECONNREFUSED`, `FETCH_TIMEOUT`, `BODY_TOO_LARGE`, … */
  readonly code: string;
  /** For people; never holds credentials. */
  readonly message: string;
  /** Body bytes seen before it failed. */
  readonly bytes: number;
  /** The status, where the headers had arrived. */
  readonly status?: number;
}
