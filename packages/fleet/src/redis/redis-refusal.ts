import { RedisUrlError } from './redis-address.ts';

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

/** The others are what Redis 7.0, and Valkey, answer where a script does what the user may not. */
const NO_PERMISSION = /^NOPERM\b|The user executing the script can't|^ERR ACL failure in script/;
/** Of a command that the administrator has renamed or removed. */
const NO_SUCH_COMMAND = /^ERR unknown command\b/i;
const BAD_LOGIN = /^(?:WRONGPASS|NOAUTH)\b|^ERR invalid password/;

/** Whether Redis keeps a command from this user, or from everybody. */
export function isWithheld(error: unknown): boolean {
  return (
    error instanceof Error &&
    (NO_PERMISSION.test(error.message) || NO_SUCH_COMMAND.test(error.message))
  );
}

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
 * database, no permission, another kind of Redis than the address says. Undefined for any other
 * error.
 *
 * @param place the address without user and password
 */
export function refusalOf(error: unknown, place: string): Error | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  const node = nodeErrorOf(error);
  if (node !== undefined) {
    return refusalOf(node, place);
  }
  const options = { cause: error };
  const { message } = error;
  if (NO_SENTINEL_HELPS.test(message)) {
    return sentinelRefusal(message, place, options);
  }
  if (NO_CLUSTER.test(message)) {
    return new RedisUnfitError(
      `Redis at ${place} is no cluster: REDIS_URL must be redis://HOST:PORT/DATABASE, or ` +
        'rediss:// for TLS',
      options,
    );
  }
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
  return /^(?:MOVED|ASK)\b/.test(message) ? clusterRefusal(place, options) : undefined;
}

/** What the last node of a cluster said, of which none has helped. */
export function nodeErrorOf(error: unknown): Error | undefined {
  const node: unknown =
    error instanceof Error && 'lastNodeError' in error ? error.lastNodeError : undefined;
  return node instanceof Error ? node : undefined;
}

/** What ioredis says when it has asked all Sentinels; behind it, what the last error was. */
const NO_SENTINEL_HELPS = /^All sentinels are unreachable\b/;
const NO_CLUSTER = /\bcluster support disabled\b|^ERR unknown command '?cluster/i;

function sentinelRefusal(message: string, place: string, options: ErrorOptions): Error | undefined {
  const [, last] = /\bLast error: (.*)/s.exec(message) ?? [];
  if (last === undefined || last.startsWith('ERR No such master')) {
    return new RedisUrlError(
      `REDIS_URL names a master that the Sentinels at ${place} do not watch`,
      options,
    );
  }
  if (BAD_LOGIN.test(last)) {
    return new RedisRefusedError(
      `the Sentinels at ${place} refuse REDIS_SENTINEL_USERNAME or REDIS_SENTINEL_PASSWORD: ` +
        last,
      options,
    );
  }
  return /^ERR unknown command '?sentinel/i.test(last)
    ? new RedisUnfitError(
        `Redis at ${place} is no Sentinel: REDIS_URL must be redis://HOST:PORT/DATABASE, or ` +
          'redis+cluster://HOST:PORT for a cluster',
        options,
      )
    : undefined;
}

export function clusterRefusal(place: string, options?: ErrorOptions): RedisUnfitError {
  return new RedisUnfitError(
    `Redis at ${place} is one node of a cluster with several shards: REDIS_URL must be ` +
      'redis+cluster://HOST:PORT, or rediss+cluster:// for TLS',
    options,
  );
}
