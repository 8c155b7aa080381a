import type { PageEnd } from '../model/paginate.ts';
import type { Method } from '../model/plan.ts';
import type { Outcome } from '../outcome/outcome.ts';
import type { BodyPlace, Validators } from '../revalidate/validators.ts';

/** The result of one fetch or page: one line of NDJSON in a part, and one record of an export. */
export interface FetchRecord {
  readonly batch: string;
  readonly index: number;
  /** From 1; absent without `paginate`. */
  readonly page?: number | undefined;
  /** Why no further page follows; only in the record of the last page. */
  readonly end?: PageEnd | undefined;
  readonly params: Readonly<Record<string, string>>;
  /**
   * Headers of the answer that `keep.headers` names. Without it and `paginate`, the `Link` header
   * where it names a next page.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The requested URL, without credentials. */
  readonly url: string;
  /** Absent for GET. */
  readonly method?: Method | undefined;
  readonly outcome: Outcome;
  /** Absent if no response arrived. */
  readonly status?: number | undefined;
  readonly attempts: number;
  /** Start of the last attempt, ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** Size of the decompressed body. */
  readonly bytes: number;
  readonly contentType?: string | undefined;
  readonly worker: string;
  /** Where redirects led; absent if that is the requested URL. */
  readonly finalUrl?: string | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  /** How many values `keep.select` has selected; absent where the body is as it came. */
  readonly selected?: number | undefined;
  /** What tells later whether the answer has changed; only with `revalidate`. */
  readonly validators?: Validators | undefined;
  /** Where the body is, if it is the same as that of an earlier batch. */
  readonly unchanged?: BodyPlace | undefined;
}
