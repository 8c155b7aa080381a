import { types } from 'node:util';
import type { FetchFailure } from '@fetchfleet/crawl';

/** Why a fetch has no response. */
export type FailureReason = Pick<FetchFailure, 'outcome' | 'code' | 'message'>;

/** The state of a request when it failed. */
export interface RequestState {
  readonly origin: string;
  /** Whether a part of the headers had arrived. */
  readonly isInHead: boolean;
  /** Whether the headers had arrived. */
  readonly isAnswered: boolean;
  readonly bytes: number;
}

/** Codes of both transports for a connection that was closed during a request. */
const CLOSED = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_EOF_STATE',
]);

/** Stable codes for other codes of the transports and parsers. */
const STABLE_CODES: Readonly<Record<string, string>> = {
  ERR_INVALID_CHAR: 'REQUEST_INVALID',
  ERR_INVALID_HTTP_TOKEN: 'REQUEST_INVALID',
  ERR_UNESCAPED_CHARACTERS: 'REQUEST_INVALID',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
};

/**
 * Turns an error of a transport into an outcome, a stable code and a message without credentials.
 */
export function classifyError(error: Error, state: RequestState): FailureReason {
  const root = rootOf(error);
  const code = root.code ?? '';
  if (code === 'ADDRESS_REFUSED') {
    return { outcome: 'address-refused', code, message: root.message };
  }
  if (code === 'CONNECT_TIMEOUT' || (code === 'ETIMEDOUT' && root.syscall === 'connect')) {
    return { outcome: 'timeout', code: 'CONNECT_TIMEOUT', message: root.message };
  }
  if (code.startsWith('PROXY_')) {
    return { outcome: 'network-error', code, message: excerptOf(root.message) };
  }
  if (CLOSED.has(code) && state.isInHead) {
    const message = `${state.origin} closed the connection within the head of an answer`;
    return { outcome: 'network-error', code: 'RESPONSE_INVALID', message };
  }
  if (CLOSED.has(code)) {
    return { outcome: 'network-error', code: 'ECONNRESET', message: closedMessage(state) };
  }
  const message = `${state.origin}: ${excerptOf(root.message)}`;
  return { outcome: 'network-error', code: stableCode(root), message };
}

/** Longer texts of origins are cut. */
const MAX_EXCERPT = 200;
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const CONTROLS = /[\x00-\x1f\x7f-\x9f]+/g;

/** A text that an origin chose, or may have, as it can stand in a message. */
export function excerptOf(text: string): string {
  const excerpt = text.slice(0, MAX_EXCERPT).toWellFormed().replaceAll(CONTROLS, ' ');
  return text.length > MAX_EXCERPT ? `${excerpt}…` : excerpt;
}

type SystemError = Error & {
  readonly code?: string;
  readonly syscall?: string;
  readonly errors?: readonly unknown[];
};

/** The innermost cause; of an error for several addresses, the one for the first. */
function rootOf(error: SystemError): SystemError {
  const inner: unknown = error.errors?.[0] ?? error.cause;
  if (!types.isNativeError(inner)) {
    return error;
  }
  const root = rootOf(inner);
  return root.code === undefined && error.code !== undefined ? error : root;
}

function stableCode({ code = '' }: SystemError): string {
  const stable = STABLE_CODES[code];
  if (stable !== undefined) {
    return stable;
  }
  if (code.startsWith('HPE_')) {
    return 'RESPONSE_INVALID';
  }
  if (code.startsWith('ERR_SSL_')) {
    // The code of OpenSSL or EPROTO: which one depends on when the handshake fails.
    return 'EPROTO';
  }
  const isOfTransport = /^(?:ERR_GOT|ERR_HTTP)_/.test(code);
  return isOfTransport || !/^[A-Z][A-Z0-9_]+$/.test(code) ? 'NETWORK_ERROR' : code;
}

function closedMessage({ origin, isAnswered, bytes }: RequestState): string {
  return isAnswered
    ? `${origin} closed the connection in mid-body, after ${bytes} bytes`
    : `${origin} closed the connection without an answer`;
}
