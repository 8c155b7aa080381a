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

/** A fetch was started after `stop()`: a mistake of the caller, never a result. */
export class FetcherStoppedError extends Error {
  override readonly name = 'FetcherStoppedError';
  readonly code = 'FETCHER_STOPPED';
}
