import { type BatchStatus, statusDocument } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { findBatch } from './find-batch.ts';
import { secretPlanOf } from '../crawl/notify-flag.ts';
import { warnOfWorkers } from '../crawl/warn-of-workers.ts';
import { waitForBatch } from './wait-for-batch.ts';

export interface ReportOptions {
  readonly json?: boolean;
  /** Wait until the batch has ended. */
  readonly wait?: boolean;
}

/**
 * Ends a command that has enqueued a batch for workers elsewhere. Warns if there are none. A batch
 * that somebody has cancelled meanwhile ends it as an interruption does.
 *
 * @param describe prints the status for people
 * @throws CommandError (`BATCH_REMOVED`) if somebody has removed the batch meanwhile
 */
export async function reportEnqueued(
  { session, batch }: { readonly session: FleetSession; readonly batch: string },
  {
    options,
    describe,
  }: { readonly options: ReportOptions; readonly describe?: (status: BatchStatus) => void },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  const crawl = await session.ledger.crawl(batch);
  if (crawl === undefined) {
    throw new CommandError(`${batch} was removed while it was being enqueued: nothing is fetched`, {
      code: 'BATCH_REMOVED',
    });
  }
  await warnOfWorkers(session, secretPlanOf(crawl), terminal);
  const isJson = options.json === true;
  if (options.wait === true) {
    return waitForBatch({ session, batch, isJson }, context);
  }
  const status = await findBatch(session.ledger, batch);
  const isCancelled = status.state === 'cancelled';
  if (isCancelled) {
    const resume = `${programName(context)} resume ${batch}`;
    terminal.warn(`${batch} was cancelled while it was being enqueued; continue with: ${resume}`);
  } else {
    describe?.(status);
  }
  if (isJson) {
    terminal.printJson(statusDocument(status));
  }
  return isCancelled ? EXIT.interrupted : EXIT.ok;
}
