/** The ways in which a fetch can end. All but `ok` are failures. */
export const OUTCOMES = [
  'ok',
  'http-error',
  'unexpected',
  'network-error',
  'timeout',
  'too-large',
  'bad-redirect',
  'robots-denied',
  'address-refused',
  'worker-lost',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** Why a fetch has failed. */
export interface FetchError {
  /** Stable, for programs. */
  readonly code: string;
  /** For people; never contains credentials. */
  readonly message: string;
}

/** What `expect` of the crawl file says of an answer. */
export interface AnswerVerdict {
  /** Whether `expect.status` names its status, so that it is no failure even from 400 on. */
  readonly isListed: boolean;
  /** What is not as expected; undefined from status 400 on. */
  readonly problem: FetchError | undefined;
}

/** One finished exchange including its redirects: the response, or the reason for having none. */
export type FetchResult = FetchResponse | FetchFailure;

interface Exchanged {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** The URL that redirects led to; absent if it is the requested one. */
  readonly finalUrl?: string;
}

export interface FetchResponse extends Exchanged {
  readonly kind: 'response';
  readonly status: number;
  /** Lower-case names; repeated headers joined by `, `, unless they have a single value. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Buffer;
}

export interface FetchFailure extends Exchanged {
  readonly kind: 'failure';
  readonly outcome: Exclude<Outcome, 'ok' | 'http-error' | 'unexpected' | 'worker-lost'>;
  /** Stable, for programs: `ECONNREFUSED`, `FETCH_TIMEOUT`, `BODY_TOO_LARGE`, … */
  readonly code: string;
  /** For people; never contains credentials. */
  readonly message: string;
  /** Body bytes received before the failure. */
  readonly bytes: number;
  /** The status, if the headers had arrived. */
  readonly status?: number;
  /** Whether an answer had begun, and its headers had not all arrived. @default false */
  readonly hasAnswerBegun?: boolean;
}
