import { setTimeout as sleep } from 'node:timers/promises';
import type { Terminal } from '../core/terminal.ts';
import { withTimeout } from '../core/timeouts.ts';
import { describeUndelivered } from '../report/undelivered.ts';
import type { FleetSession } from '../session/fleet-session.ts';

/** A receiver that does not answer by then may have gone for a day. */
const MAX_WAIT_MS = 10_000;
const POLL_MS = 50;

/**
 * Waits until the notifications of a batch are delivered: its workers end with the command. Says
 * which are not.
 */
export async function waitForNotifications(
  { outbox, isPrivate }: Pick<FleetSession, 'outbox' | 'isPrivate'>,
  batch: string,
  { terminal, signal }: { readonly terminal: Pick<Terminal, 'warn'>; readonly signal: AbortSignal },
): Promise<void> {
  const deadlineMs = performance.now() + MAX_WAIT_MS;
  let waiting = await withTimeout(outbox.waiting(batch));
  while (waiting.length > 0 && performance.now() < deadlineMs && !signal.aborted) {
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    waiting = await withTimeout(outbox.waiting(batch));
  }
  const who = isPrivate
    ? 'the next run or resume in this folder tries again'
    : 'workers on this Redis try again';
  for (const text of describeUndelivered(waiting)) {
    terminal.warn(`not told yet: ${text}; ${who}, for a day`);
  }
}
