import type { FleetSession } from '../session/fleet-session.ts';

/** A slice is missing if the producer of the batch was killed, or a worker rejected the slice. */
export async function isAllQueued(
  { ledger, queue }: FleetSession,
  batch: string,
): Promise<boolean> {
  return (await ledger.isExpanded(batch)) && (await queue.rejected.count(batch)) === 0;
}
