import { type BatchStatus, interruptedAmong as nobodyWorksOn } from '@fetchfleet/fleet';
import { withTimeout } from '../core/timeouts.ts';
import type { FleetSession } from '../session/fleet-session.ts';

/** Ids of the batches that nobody works on; none where workers may come at any time. */
export async function interruptedAmong(
  session: FleetSession,
  statuses: readonly BatchStatus[],
): Promise<ReadonlySet<string>> {
  return session.isPrivate ? withTimeout(nobodyWorksOn(session, statuses)) : new Set();
}
