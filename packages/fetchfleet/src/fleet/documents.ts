/** How a fetch ended. */
export type Outcome =
  | 'ok'
  | 'http-error'
  | 'unexpected'
  | 'timeout'
  | 'network-error'
  | 'too-large'
  | 'bad-redirect'
  | 'robots-denied'
  | 'address-refused'
  | 'worker-lost';

export type BatchState = 'expanding' | 'running' | 'paused' | 'cancelled' | 'finished';

/** A batch, as `fetchfleet status --json` prints it. */
export interface BatchStatus {
  readonly batch: string;
  readonly name: string;
  readonly state: BatchState;
  /** Fetches of the batch. */
  readonly total: number;
  /** Fetches with a record. */
  readonly settled: number;
  readonly ok: number;
  readonly failed: number;
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** ISO 8601, as all times here. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly fetchesPerSecond: number;
  readonly results: string | null;
  readonly resultsFolders: readonly string[];
  readonly createdAt: string;
  /** Of all bodies, decompressed. */
  readonly bytes: number;
  readonly pages: number | null;
  readonly sequentialMs: number;
  readonly missingSecrets: readonly string[];
  readonly schedule: string | null;
}

/** Something that has happened to a batch, as `fetchfleet events --json` prints it. */
export interface BatchEvent {
  readonly batch: string;
  /** Grows with every event of the batch. */
  readonly number: number;
  readonly at: string;
  readonly event:
    | 'created'
    | 'started'
    | 'paused'
    | 'resumed'
    | 'cancelled'
    | 'retried'
    | 'failures'
    | 'finished'
    | 'not-told';
  readonly by: string | null;
  readonly detail: string | null;
}

/**
 * The record of one fetch, or of one page of it.
 *
 * @typeParam Params names of the parameters of the crawl
 * @typeParam Body what the body of an answer that is `ok` holds, where that is JSON
 */
export interface FetchRecord<Params extends string = string, Body = unknown> {
  readonly batch: string;
  /** From 0 to total − 1. The same crawl always gives the same order. */
  readonly index: number;
  /** From 1; absent without `paginate`. */
  readonly page?: number;
  readonly end?: string;
  readonly params: Readonly<Record<Params, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly url: string;
  /** Absent for GET. */
  readonly method?: string;
  readonly outcome: Outcome;
  /** Absent if no answer arrived. */
  readonly status?: number;
  readonly attempts: number;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly bytes: number;
  readonly contentType?: string;
  readonly charset?: string;
  readonly worker: string;
  readonly finalUrl?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly selected?: number;
  /** Absent where `body` is the JSON of the answer. */
  readonly bodyEncoding?: 'text' | 'base64';
  readonly body?: Body;
}
