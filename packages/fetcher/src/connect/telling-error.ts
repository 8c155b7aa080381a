/**
 * How little the errors of a connection say of the host that was meant:
 * what it did not say itself (a router did, or nobody), and what never left this machine.
 */
const SAYS_LITTLE: Readonly<Record<string, number>> = {
  EHOSTUNREACH: 1,
  EHOSTDOWN: 1,
  ETIMEDOUT: 1,
  ENETUNREACH: 2,
  ENETDOWN: 2,
  EADDRNOTAVAIL: 2,
  EAFNOSUPPORT: 2,
};

/**
 * Of the errors of all addresses of a host, the one that says most of it: a refusal by the host
 * before a router that found no way, and that before a network that this machine is not on. Among
 * equals the first.
 */
export function tellingError(errors: readonly Error[]): Error | undefined {
  return errors.toSorted((one, other) => littleness(one) - littleness(other))[0];
}

function littleness(error: Error & { readonly code?: string }): number {
  return SAYS_LITTLE[error.code ?? ''] ?? 0;
}
