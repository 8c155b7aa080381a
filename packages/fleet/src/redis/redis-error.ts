/** Classes of ioredis and BullMQ, and ours; a bundler may append `$1` to a name. */
const NAMES =
  /^(?:ReplyError|ParserError|InterruptError|MaxRetriesPerRequestError|ClusterAllFailedError|ConnectionClosedError|RedisUnreachableError)\b/;

/** What ioredis and BullMQ throw as a plain `Error`. */
const MESSAGES =
  /^(?:Connection is closed|Command timed out|Stream isn't writeable|could not renew lock for job|BullMQ: cluster reconnect)/;

/** Errors of the network, which are those of Redis where nothing else is connected to. */
const NETWORK_CODES = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/**
 * A script of ours that does not run is a mistake in it; one that Redis refuses (OOM, READONLY) is
 * not.
 */
const SCRIPT_MISTAKE = /^ERR\b.*user_script/s;

/**
 * Replies of a Redis that serves nobody: full, loading, read-only, without the replicas or the
 * master it waits for, closed to this user. Redis 6.2 puts them behind a text of its own if a
 * script ran into them.
 */
const REFUSAL =
  /(?:^|\s-)(OOM|MISCONF|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b/;

/** With which of them Redis refuses: `OOM`, `LOADING`, …; undefined for every other reply. */
export function refusalCodeOf(message: string): string | undefined {
  return REFUSAL.exec(message)?.[1];
}

/** Whether Redis itself answered with this error, so that it is not away. */
export function isRedisReply(error: unknown): boolean {
  return error instanceof Error && /^ReplyError\b/.test(error.name);
}

/**
 * Whether an error of the code that talks to Redis is from Redis or the way to it: a lost
 * connection, an error reply, a command that timed out. Anything else is a mistake in the program.
 */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false;
  }
  if (NAMES.test(error.name)) {
    const { message } = error;
    return refusalCodeOf(message) !== undefined || !SCRIPT_MISTAKE.test(message);
  }
  const code = 'code' in error ? error.code : undefined;
  // BullMQ's scripts answer with negative codes: a missing job, a lost lock.
  const isCode = typeof code === 'number' ? code < 0 : NETWORK_CODES.has(String(code));
  return isCode || MESSAGES.test(error.message);
}
