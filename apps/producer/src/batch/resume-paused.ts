import type { FleetSession } from '../session/fleet-session.ts';

/**
 * Lets a paused batch go on and queues its slices again. Also does so for a batch that is not
 * paused: the command that resumed it may have been killed before the last slice was queued.
 */
export async function resumePaused(session: FleetSession, batch: string): Promise<void> {
  await session.ledger.unpause(batch);
  await requeuePaused(session, batch);
}

/** Queues what was taken out of the queue when the batch was paused. */
export async function requeuePaused(
  { ledger, pausedSlices }: Pick<FleetSession, 'ledger' | 'pausedSlices'>,
  batch: string,
): Promise<void> {
  const crawl = await ledger.crawl(batch);
  await pausedSlices.requeue(batch, crawl?.plan.priority);
}
