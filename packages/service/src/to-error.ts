import { inspect } from 'node:util';

/** Whatever was thrown, as an `Error`: errors pass through, anything else becomes message and `cause`. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const message = typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2 });
  return new Error(message, { cause: thrown });
}
