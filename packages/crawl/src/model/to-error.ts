import { inspect, types } from 'node:util';

/** Whatever was thrown, as an `Error`: errors pass through, anything else becomes message and `cause`. */
export function toError(thrown: unknown): Error {
  // Errors of another realm (a `vm` context, as tests run in) are instances of another `Error`.
  if (thrown instanceof Error || types.isNativeError(thrown)) {
    return thrown;
  }
  const message = typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2 });
  return new Error(message, { cause: thrown });
}
