import type { OriginStatus } from '@fetchfleet/fleet';
import { formatDuration } from './units.ts';

/** `down, next try in 4 s: refused the connection`. Undefined where an origin is not shut. */
export function shutState(status: OriginStatus): string | undefined {
  const { breaker, openMs = 0, blockedMs, blockedFor, lastError, robotsError } = status;
  if (breaker === 'open') {
    return `down, ${nextTry(openMs)}${behindColon(lastError)}`;
  }
  if (breaker === 'half-open') {
    return `down, one fetch may try${behindColon(lastError)}`;
  }
  if (blockedMs !== undefined) {
    return `blocked, ${nextTry(blockedMs)}${behindColon(lastError ?? blockedFor)}`;
  }
  return robotsError === undefined ? undefined : `waits for its robots.txt: ${robotsError}`;
}

/** Why it holds a batch: `http://a.example refused the connection, next try in 3 s` */
export function heldBy(status: OriginStatus): string {
  const { origin, breaker, openMs, blockedMs, blockedFor, lastError } = status;
  const isDown = breaker !== 'closed';
  const blocked = blockedFor === undefined ? 'is blocked' : `is blocked (${blockedFor})`;
  const why = lastError ?? (isDown ? 'is down' : blocked);
  const waitMs = isDown ? openMs : blockedMs;
  const next = waitMs === undefined ? 'one fetch may try' : nextTry(waitMs);
  return `${origin} ${why}, ${next}`;
}

function behindColon(text = ''): string {
  return text === '' ? '' : `: ${text}`;
}

/** Whole seconds: a countdown in tenths of a second flickers. */
function nextTry(ms: number): string {
  return `next try in ${formatDuration(Math.ceil(ms / 1_000) * 1_000).replace('.0 ', ' ')}`;
}
