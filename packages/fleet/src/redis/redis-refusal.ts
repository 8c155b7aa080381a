import { RedisUrlError } from './redis-url.ts';

/** Redis answers, but lets this user do nothing. The message names the address. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError';
  readonly code = 'REDIS_REFUSED';
}

/** Redis answers, but a fleet can never work on it. The message names the address. */
export class RedisUnfitError extends Error {
  override readonly name = 'RedisUnfitError';
  readonly code = 'REDIS_UNFIT';
}

/** Whether trying again is in vain. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof RedisRefusedError ||
    error instanceof RedisUnfitError ||
    error instanceof RedisUrlError
  );
}

/** The second is what Redis 7.0 answers where a script does what the user may not. */
const NO_PERMISSION = /^NOPERM\b|The user executing the script can't/;
const BAD_LOGIN = /^(?:WRONGPASS|NOAUTH)\b|^ERR invalid password/;

/** Whether the answer of Redis is about the database of the address. */
function isAboutDatabase(error: Error): boolean {
  const command: unknown = 'command' in error ? error.command : undefined;
  return (
    typeof command === 'object' &&
    command !== null &&
    'name' in command &&
    command.name === 'select'
  );
}

/**
 * What an answer of Redis means that trying again does not change: wrong password, no such
 * database, no permission, the node of a cluster. Undefined for any other error.
 *
 * @param place the address without user and password
 */
export function refusalOf(error: unknown, place: string): Error | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  const options = { cause: error };
  const { message } = error;
  if (isAboutDatabase(error)) {
    return new RedisUrlError(
      `REDIS_URL names a database that Redis at ${place} does not give: ${message}`,
      options,
    );
  }
  if (BAD_LOGIN.test(message)) {
    return new RedisRefusedError(
      `Redis at ${place} refuses the user or the password of REDIS_URL: ${message}`,
      options,
    );
  }
  if (NO_PERMISSION.test(message)) {
    return new RedisRefusedError(
      `Redis at ${place} does not permit what a fleet needs: ${message} ` +
        '(docs/operations.md lists all commands and keys)',
      options,
    );
  }
  return /^(?:MOVED|ASK|CROSSSLOT)\b/.test(message) ? clusterRefusal(place, options) : undefined;
}

export function clusterRefusal(place: string, options?: ErrorOptions): RedisUnfitError {
  return new RedisUnfitError(
    `Redis at ${place} is one node of a cluster with several shards: ` +
      'fetchfleet needs a Redis that holds all keys itself',
    options,
  );
}
