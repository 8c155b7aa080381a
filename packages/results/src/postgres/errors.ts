import { toError } from '@fetchfleet/crawl';
import { DatabaseError as ServerError } from 'pg';

/** The database cannot be reached, or ended the connection. It may work later. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code = 'DATABASE_UNAVAILABLE';
}

/** The address is wrong, the user lacks a right, or records do not fit into the table. */
export class DatabaseUnfitError extends Error {
  override readonly name = 'DatabaseUnfitError';
  readonly code = 'DATABASE_UNFIT';
}

/** Classes of SQLSTATE: values, names and rights, and limits do not change by themselves. */
const LASTING = /^(?:22|42|54)/;

export function isLasting(error: Error): boolean {
  return error instanceof ServerError && LASTING.test(error.code ?? '');
}

/**
 * Whether the database refuses a value: a column that somebody has added is computed from it, or it
 * is nested more deeply than the server is set to read.
 */
export function isRefusedValue(error: unknown): boolean {
  return error instanceof ServerError && /^(?:22|23|54)/.test(error.code ?? '');
}

/** Whether the same may work at once: the connection broke, or somebody else was in the way. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DatabaseUnfitError) {
    return false;
  }
  return !(error instanceof ServerError) || /^(?:08|40|57P)/.test(error.code ?? '');
}

/** Where the server's own words say less, or depend on its language. */
const REASONS: Readonly<Record<string, string>> = {
  '25006': 'the database is read-only',
  '28P01': 'it refuses this user or password',
  '3D000': 'the server has no such database',
  '40P01': 'others were writing the same rows',
  '53100': 'the disk of the server is full',
  '53200': 'the server is out of memory',
  '53300': 'the server has too many connections',
  '55P03': 'the rows or the table were locked by others for too long',
  '57014': 'the statement took too long',
  '57P01': 'the server is shutting down',
  '57P02': 'the server crashed',
  '57P03': 'the server is starting or shutting down',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ENOENT: 'there is no such socket',
  ENOTFOUND: 'the name of the host does not resolve',
  EAI_AGAIN: 'the name of the host does not resolve now',
  EPIPE: 'the connection broke',
  ETIMEDOUT: 'the host does not answer',
};

/** Why something failed, without anything that records or the address hold. */
export function reasonOf(thrown: unknown): string {
  const error = firstOf(toError(thrown));
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === undefined) {
    return error.message;
  }
  return `${REASONS[code] ?? error.message} (${code})`;
}

/** A name that resolves to several addresses fails with one error for each. */
function firstOf(error: Error): Error {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return first === undefined ? error : toError(first);
}
