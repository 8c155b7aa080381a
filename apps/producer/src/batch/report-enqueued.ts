import { type BatchStatus, statusDocument } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
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
 * Ends a command that has enqueued a batch for workers elsewhere. Warns if there are none.
 *
 * @param describe prints the status for people
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
  await warnOfWorkers(session, crawl && secretPlanOf(crawl), terminal);
  const isJson = options.json === true;
  if (options.wait === true) {
    return waitForBatch({ session, batch, isJson }, context);
  }
  const status = await findBatch(session.ledger, batch);
  describe?.(status);
  if (isJson) {
    terminal.printJson(statusDocument(status));
  }
  return EXIT.ok;
}
