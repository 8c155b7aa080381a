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

/** A fetch was started after `stop()`: a mistake of the caller, never a result. */
export class FetcherStoppedError extends Error {
  override readonly name = 'FetcherStoppedError';
  readonly code = 'FETCHER_STOPPED';
}
