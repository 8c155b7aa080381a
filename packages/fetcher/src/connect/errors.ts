/** The address filter refused a connection. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  readonly code = 'ADDRESS_REFUSED';
}

/** DNS, TCP and TLS together took too long. */
export class ConnectTimeoutError extends Error {
  override readonly name = 'ConnectTimeoutError';
  readonly code = 'CONNECT_TIMEOUT';
}

/** The bytes of an answer are not HTTP/1, or leave open where the answer ends. */
export class AnswerInvalidError extends Error {
  override readonly name = 'AnswerInvalidError';
  readonly code: 'RESPONSE_INVALID' | 'HEADERS_TOO_LARGE';

  constructor(code: 'RESPONSE_INVALID' | 'HEADERS_TOO_LARGE', message: string) {
    super(message);
    this.code = code;
  }
}

/** A request cannot be written: one of its headers would change its meaning. */
export class RequestInvalidError extends Error {
  override readonly name = 'RequestInvalidError';
  readonly code = 'REQUEST_INVALID';
}

/** A connection was closed before an answer was whole. */
export class ConnectionClosedError extends Error {
  override readonly name = 'ConnectionClosedError';
  readonly code = 'ECONNRESET';
}

/** A fetch was started after `stop()`: a mistake of the caller, never a result. */
export class FetcherStoppedError extends Error {
  override readonly name = 'FetcherStoppedError';
  readonly code = 'FETCHER_STOPPED';
}

/** A proxy did not let a request through: its origin was never reached. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: 'PROXY_REFUSED' | 'PROXY_UNREACHABLE';
  /** Whether the fault is that of the proxy, and not of this one origin: others are used then. */
  readonly isProxyDown: boolean;

  constructor(code: ProxyError['code'], message: string, isProxyDown: boolean) {
    super(message);
    this.code = code;
    this.isProxyDown = isProxyDown;
  }
}

/** The fault of a proxy among the causes of an error of a transport. */
export function proxyErrorOf(error: unknown): ProxyError | undefined {
  let cause = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth += 1) {
    if (cause instanceof ProxyError) {
      return cause;
    }
    ({ cause } = cause);
  }
  return undefined;
}
