import type { BatchStatus, RetryResult } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { CommandError, type ExitCode } from '../core/errors.ts';
import type { RunSettings } from '../core/settings.ts';
import { countOf } from '../report/units.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { findBatch, planOf } from './find-batch.ts';
import { reportEnqueued, type ReportOptions } from './report-enqueued.ts';
import { reportFull } from './report-full.ts';
import { runBatch } from './run-batch.ts';

interface FetchAgainOptions {
  readonly session: FleetSession;
  readonly batch: string;
  /** Of clearing the fetches in the ledger. */
  readonly result: RetryResult;
  readonly settings: RunSettings;
  readonly options: ReportOptions;
}

/** Enqueues fetches that were cleared. With a private Redis, fetches them too. */
export async function fetchAgain(work: FetchAgainOptions, context: Context): Promise<ExitCode> {
  const { session, batch, result, settings, options } = work;
  if (result.kind === 'busy') {
    throw new CommandError(`another producer is enqueueing ${batch} right now; try again later`, {
      code: 'BATCH_BUSY',
    });
  }
  if (result.kind === 'closed') {
    throw batchNotOpen(await findBatch(session.ledger, batch), context);
  }
  const { expansion, cleared } = result;
  context.terminal.note(
    cleared > 0
      ? `Retrying ${countOf(cleared, 'fetch')} of ${batch}`
      : `Completing ${batch}, which had been enqueued in part`,
  );
  if (session.isPrivate) {
    return runBatch(
      {
        session,
        settings,
        before: expansion.status,
        expansion,
        plan: await planOf(session.ledger, batch),
        isRepeated: true,
        isJson: options.json === true,
      },
      context,
    );
  }
  // Without a signal: one ends the process at once, and the next call completes the batch.
  await expansion.run({ onFull: reportFull(context.terminal) });
  return reportEnqueued({ session, batch }, { options }, context);
}

/** A paused or cancelled batch cannot be fetched again. */
export function batchNotOpen({ batch, state }: BatchStatus, context: Context): CommandError {
  const hint = `resume it first: ${programName(context)} resume ${batch}`;
  return new CommandError(`${batch} is ${state}; ${hint}`, { code: 'BATCH_NOT_OPEN' });
}
