import type { FleetSession } from '../session/fleet-session.ts';

/**
 * Lets a paused batch go on and queues its slices again. Also does so for a batch that is not
 * paused: the command that resumed it may have been killed before the last slice was queued.
 */
export async function resumePaused(session: FleetSession, batch: string): Promise<void> {
  await session.ledger.unpause(batch);
  await session.pausedSlices.requeue(batch);
}
