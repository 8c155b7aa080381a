import type { PageEnd } from '../model/paginate.ts';
import type { Method } from '../model/plan.ts';
import type { Outcome } from '../outcome/outcome.ts';

/** The result of one fetch or page: one line of NDJSON in a part, and one record of an export. */
export interface FetchRecord {
  readonly batch: string;
  readonly index: number;
  /** From 1; absent without `paginate`. */
  readonly page?: number | undefined;
  /** Why no further page follows; only in the record of the last page. */
  readonly end?: PageEnd | undefined;
  readonly params: Readonly<Record<string, string>>;
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
}
