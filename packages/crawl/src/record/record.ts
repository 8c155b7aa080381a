import type { Outcome } from '../outcome/outcome.ts';

/** The outcome of one fetch: one line of NDJSON in a part, and one record of an export. */
export interface FetchRecord {
  readonly batch: string;
  readonly index: number;
  readonly params: Readonly<Record<string, string>>;
  /** The URL that was asked for, without credentials. */
  readonly url: string;
  readonly outcome: Outcome;
  /** Absent where no response arrived. */
  readonly status?: number;
  readonly attempts: number;
  /** Of the last attempt, ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** Of the decompressed body. */
  readonly bytes: number;
  readonly contentType?: string;
  readonly worker: string;
  readonly error?: { readonly code: string; readonly message: string };
}
