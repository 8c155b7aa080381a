import type { BatchStatus } from '@fetchfleet/fleet';
import { CommandError } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { findBatch } from './find-batch.ts';

/** A batch after it was told to stop. */
interface Stopped {
  readonly status: BatchStatus;
  /** Whether it was not in this state before. */
  readonly isChanged: boolean;
}

type Stopping = Pick<FleetSession, 'ledger' | 'pausedSlices'>;

/**
 * Running fetches end, and workers start no others until the batch is resumed. May be repeated.
 *
 * @throws UnknownBatchError; CommandError (`BATCH_ENDED`)
 */
export async function pauseBatch(
  { ledger, pausedSlices }: Stopping,
  batch: string,
): Promise<Stopped> {
  await findBatch(ledger, batch);
  const isChanged = await withTimeout(ledger.pause(batch));
  const status = await findBatch(ledger, batch);
  if (status.state !== 'paused') {
    throw new CommandError(`${batch} is ${status.state}: there is nothing to pause`, {
      code: 'BATCH_ENDED',
    });
  }
  // Even if the batch is paused already: whoever paused it may have been killed.
  await pausedSlices.withdraw(batch);
  return { status, isChanged };
}

/**
 * Workers start no more fetches; the records stay. May be repeated. A batch that is finished stays
 * so.
 *
 * @throws UnknownBatchError
 */
export async function cancelBatch(
  { ledger, pausedSlices }: Stopping,
  batch: string,
): Promise<Stopped> {
  await findBatch(ledger, batch);
  const isChanged = await ledger.cancel(batch);
  const status = await findBatch(ledger, batch);
  // Workers drop the slices that they have claimed; the others are removed here.
  if (status.state === 'cancelled') {
    await pausedSlices.removeAll(batch);
  }
  return { status, isChanged };
}
