import type { FetchFailure, FetchResult } from './outcome.ts';

/**
 * What a result says about its origin, and not about its URL.
 *
 * - `accepted`: it answered. A malformed answer, a corrupt or endless body, too many headers and
 *   every status below 500 say something about the URL only
 * - `error`: it answered 5xx. The fault may be one of the URL or of the origin: only many different
 *   URLs can tell
 * - `refused`: it answered "not now"
 * - `down`: refused, reset or silent before any byte of an answer. It may come back
 * - `lost`: it has no name or no valid certificate. Waiting for it is in vain, and nobody is
 *   overloaded by trying
 */
export type OriginVerdict = 'accepted' | 'error' | 'refused' | 'down' | 'lost';

/** An answer had begun to arrive, but no status line could be read from it. */
const ANSWERED = new Set(['RESPONSE_INVALID', 'HEADERS_TOO_LARGE', 'BODY_CORRUPT']);
/** Faults of the request, of this machine, or of what is before the origin. */
const OWN_FAULTS = new Set([
  'PROXY_REFUSED',
  'PROXY_UNREACHABLE',
  'REQUEST_INVALID',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
]);
const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME', 'EAI_NONAME', 'EAI_NODATA']);
/** Codes of Node and OpenSSL for a certificate that is not accepted. */
const BAD_CERTIFICATE =
  /^(?:CERT_|CRL_|ERR_TLS_CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;

/**
 * Total: undefined where a result says nothing about the origin.
 *
 * @param isRefusal see `RequestedDelay`
 */
export function originVerdictOf(
  result: FetchResult,
  isRefusal: boolean,
): OriginVerdict | undefined {
  if (isRefusal) {
    return 'refused';
  }
  if (result.kind === 'failure') {
    return ofFailure(result);
  }
  return result.status >= 500 ? 'error' : 'accepted';
}

function ofFailure(failure: FetchFailure): OriginVerdict | undefined {
  const { outcome, code, status, hasAnswerBegun = false } = failure;
  const isAnswered = status !== undefined || hasAnswerBegun || ANSWERED.has(code);
  if (isAnswered || outcome === 'bad-redirect') {
    return 'accepted';
  }
  if (OWN_FAULTS.has(code)) {
    return undefined;
  }
  if (outcome === 'timeout') {
    return 'down';
  }
  if (outcome !== 'network-error') {
    return undefined;
  }
  return NO_SUCH_NAME.has(code) || BAD_CERTIFICATE.test(code) ? 'lost' : 'down';
}
