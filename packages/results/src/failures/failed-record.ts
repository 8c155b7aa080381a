import { type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { splitBody } from '../folder/record-line.ts';

/** The fields of a failed record that describe the failure. */
export interface FailedRecord {
  readonly index: number;
  /** Absent in a batch without pages. */
  readonly page?: number;
  readonly url: string;
  readonly outcome: Outcome;
  readonly status?: number;
  readonly startedAt: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * Parses a line without its body. Undefined for successes and damaged lines.
 *
 * @param index as it was found in the line. A line that workers did not write may have two
 */
export function parseFailedRecord(line: Buffer, index: number): FailedRecord | undefined {
  const value = parsed(line);
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  // The type checks follow.
  const fields = value as Partial<Record<keyof FailedRecord, unknown>>;
  const { url, startedAt, status, page } = fields;
  const outcome = OUTCOMES.find((one) => one === fields.outcome);
  if (typeof url !== 'string') {
    return undefined;
  }
  if (outcome === undefined || outcome === 'ok') {
    return undefined;
  }
  if (typeof startedAt !== 'string') {
    return undefined;
  }
  const error = errorOf(fields.error);
  return {
    index,
    ...(typeof page === 'number' && { page }),
    url,
    outcome,
    startedAt,
    ...(typeof status === 'number' && { status }),
    ...(error !== undefined && { error }),
  };
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(splitBody(line).head);
  } catch {
    return undefined;
  }
}

function errorOf(value: unknown): FailedRecord['error'] {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const { code, message } = value as { code?: unknown; message?: unknown };
  return typeof code === 'string' && typeof message === 'string' ? { code, message } : undefined;
}
