import { inspect, types } from 'node:util';

/** Turns any thrown value into an `Error`; a value that is not one becomes message and `cause`. */
export function toError(thrown: unknown): Error {
  // Errors of another realm (the `vm` contexts of Jest) are instances of another `Error`.
  if (thrown instanceof Error || types.isNativeError(thrown)) {
    return thrown;
  }
  const message = typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2 });
  return new Error(message, { cause: thrown });
}
