import type { FetchError, FetchResult, Outcome } from './outcome.ts';

/** Why the last attempt of a fetch has failed. It waits in Redis with the fetch. */
export interface LastReason {
  readonly outcome: Exclude<Outcome, 'ok' | 'worker-lost'>;
  /** Stable, for programs: `ECONNREFUSED`, `HTTP_503`, … */
  readonly code: string;
  /** For people; never contains credentials. */
  readonly message: string;
  /** The status, if the headers had arrived. */
  readonly status?: number;
}

/** Longer messages are cut: up to 50 of them are in the job of a slice. */
const MAX_MESSAGE = 200;

/**
 * Undefined where the attempt has not failed: the answer is not ready yet (202).
 *
 * @param problem what is not as expected in an answer. @default nothing
 */
export function lastReasonOf(result: FetchResult, problem?: FetchError): LastReason | undefined {
  const { status } = result;
  const error = problem ?? errorOf(result);
  if (error === undefined) {
    return undefined;
  }
  return {
    outcome: outcomeOf(result, problem),
    code: error.code,
    message: error.message.slice(0, MAX_MESSAGE).toWellFormed(),
    ...(status !== undefined && { status }),
  };
}

function outcomeOf(result: FetchResult, problem: FetchError | undefined): LastReason['outcome'] {
  if (result.kind === 'failure') {
    return result.outcome;
  }
  return problem === undefined ? 'http-error' : 'unexpected';
}

/** What the record says of a result; undefined for a success. */
export function errorOf(result: FetchResult): FetchError | undefined {
  if (result.kind === 'failure') {
    return { code: result.code, message: result.message };
  }
  const { status } = result;
  return status < 400
    ? undefined
    : { code: `HTTP_${status}`, message: `the origin answered ${status}` };
}
