import type { FleetSession } from '../session/fleet-session.ts';

/**
 * Lets a paused batch go on, with all of its slices that were parked. Also one that is not paused (any more): whoever resumed it may have been
 * killed before the last slice was queued.
 */
export async function goOn(session: FleetSession, batch: string): Promise<void> {
  await session.ledger.unpause(batch);
  await session.pausedSlices.release(batch);
}
