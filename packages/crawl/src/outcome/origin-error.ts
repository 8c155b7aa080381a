import type { FetchFailure, FetchResult } from './outcome.ts';
import type { RequestedDelay } from './requested-delay.ts';

/** It is kept in Redis for each origin. */
const MAX_LENGTH = 200;

const PHRASES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  CONNECT_TIMEOUT: 'did not accept a connection in time',
  EAI_AGAIN: 'has a name that cannot be looked up now',
};

/**
 * What an origin did wrong, as a phrase about it: "refused the connection", "answered 429,
 * Retry-After 30 s". For people who ask why nothing starts there. At most 200 characters, without
 * query strings and control characters.
 */
export function originErrorOf(result: FetchResult, delay?: RequestedDelay): string {
  const text = result.kind === 'failure' ? ofFailure(result) : `answered ${result.status}`;
  return `${text}${ofDelay(delay)}`.slice(0, MAX_LENGTH).toWellFormed();
}

function ofFailure({ outcome, code, message }: FetchFailure): string {
  const phrase = Object.hasOwn(PHRASES, code) ? PHRASES[code] : undefined;
  if (phrase !== undefined) {
    return phrase;
  }
  if (outcome === 'timeout') {
    return 'did not answer in time';
  }
  const harmless = message.replaceAll(/\?[^\s"']*/g, '').replaceAll(/\p{Cc}+/gu, ' ');
  return `failed: ${harmless} (${code})`;
}

function ofDelay(delay: RequestedDelay | undefined): string {
  if (delay === undefined || delay.blockMs === 0) {
    return '';
  }
  const name = delay.blockReason === 'RateLimit reset' ? 'RateLimit reset in' : 'Retry-After';
  return `, ${name} ${Math.ceil(delay.blockMs / 1000)} s`;
}
