/** Classes of ioredis and BullMQ, and ours; a bundler may append `$1` to a name. */
const NAMES =
  /^(?:ReplyError|ParserError|InterruptError|MaxRetriesPerRequestError|ClusterAllFailedError|ConnectionClosedError|RedisUnreachableError)\b/;

/** What ioredis and BullMQ throw as a plain `Error`. */
const MESSAGES =
  /^(?:Connection is (?:closed|aborted|discarded)|Command timed out|Stream isn't writeable|could not renew lock for job|BullMQ: cluster reconnect|None of startup nodes is available|Too many Cluster redirections|Cluster (?:is|isn't)\b|No subscriber for the cluster|All sentinels are unreachable|failed to connect to sentinel|connected to sentinel|timeout$)/;

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
/** A script came to a key that is on its way to another node of the cluster. */
const SLOT_IS_MOVING = /non local key in a cluster node|while the cluster is down/;

/**
 * Replies of a Redis that serves nobody: full, loading, read-only, without the replicas or the
 * master it waits for, closed to this user. Redis 6.2 puts them behind a text of its own if a
 * script ran into them, and ioredis where it has sent a command to a cluster for long enough.
 */
const REFUSAL =
  /(?:^|\s-|ReplyError: )(OOM|MISCONF|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b/;

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
    return (
      refusalCodeOf(message) !== undefined ||
      SLOT_IS_MOVING.test(message) ||
      !SCRIPT_MISTAKE.test(message)
    );
  }
  const code = 'code' in error ? error.code : undefined;
  // BullMQ's scripts answer with negative codes: a missing job, a lost lock.
  const isCode = typeof code === 'number' ? code < 0 : NETWORK_CODES.has(String(code));
  return isCode || MESSAGES.test(error.message);
}
