import { type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { BatchExpansion, type BatchStatus, type KnownBatch } from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { readOutcomes } from '../batch/batch-filters.ts';
import { findBatch } from '../batch/find-batch.ts';
import { loadRegisteredCrawl } from '../batch/load-crawl.ts';
import { reportEnqueued } from '../batch/report-enqueued.ts';
import { reportFull } from '../batch/report-full.ts';
import { runBatch } from '../batch/run-batch.ts';
import { CommandError, EXIT, type ExitCode, Problems } from '../core/errors.ts';
import { type Context, programName } from '../core/context.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { deniedFetches, statusDocument } from '../report/status-document.ts';
import { formatCount } from '../report/units.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';

export interface RetryOptions extends RunFlags {
  readonly json?: boolean;
  readonly wait?: boolean;
  /** Only failures of these outcomes. */
  readonly outcome?: readonly string[];
}

/** What robots.txt forbids is fetched again only if somebody asks for it. */
const RETRIED_BY_DEFAULT = OUTCOMES.filter((one) => one !== 'ok' && one !== 'robots-denied');

interface Invocation {
  readonly options: RetryOptions;
  readonly settings: RunSettings;
  readonly outcomes: readonly Outcome[];
  readonly context: Context;
}

/**
 * `fetchfleet retry BATCH`: fetches the failures again. The ledger clears them, and they are
 * enqueued again; their old records stay until the new ones replace them. After a kill in between,
 * another `retry` or `resume` completes the work.
 */
export async function retry(
  batch: string,
  options: RetryOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const settings = await problems.collect(() => readRunSettings(options, context));
  const chosen = readOutcomes(options.outcome ?? [], problems);
  problems.throwIfAny('nothing was retried');
  if (settings === undefined) {
    throw new Error('internal error: no problem was reported');
  }
  const outcomes = chosen.length > 0 ? chosen : RETRIED_BY_DEFAULT;
  const invocation = { options, settings, outcomes, context };
  return withFleet(context, 'find', async (session) => {
    const before = await findBatch(session.ledger, batch);
    if (before.state === 'paused' || before.state === 'cancelled') {
      throw notOpen(before, context);
    }
    // An expanding batch may be one whose retry was interrupted.
    if (countOf(before, outcomes) === 0 && before.state !== 'expanding') {
      return nothingFailed(before, invocation);
    }
    const crawl = await loadRegisteredCrawl(session, before, 'retried');
    if (session.isPrivate) {
      await probeResults(settings.results);
    }
    return retryBatch(session, { status: before, crawl }, invocation);
  });
}

function countOf({ outcomes: counts }: BatchStatus, outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

function notOpen({ batch, state }: BatchStatus, context: Context): CommandError {
  const hint = `resume it first: ${programName(context)} resume ${batch}`;
  return new CommandError(`${batch} is ${state}; ${hint}`, {
    code: 'BATCH_NOT_OPEN',
  });
}

function busy(batch: string): CommandError {
  return new CommandError(`another producer is enqueueing ${batch} right now; try again later`, {
    code: 'BATCH_BUSY',
  });
}

function nothingFailed(
  before: BatchStatus,
  { options, outcomes, context: { terminal } }: Invocation,
): ExitCode {
  const which = options.outcome === undefined ? '' : ` as ${outcomes.join(' or ')}`;
  terminal.note(`Nothing of ${before.batch} failed${which}: there is nothing to retry`);
  const denied = deniedFetches(before);
  if (options.outcome === undefined && denied > 0) {
    terminal.note(
      `robots.txt forbids ${formatCount(denied)} fetches; --outcome robots-denied tries them again`,
    );
  }
  if (options.json === true) {
    terminal.printJson(statusDocument(before));
  }
  return EXIT.ok;
}

async function retryBatch(
  session: FleetSession,
  known: KnownBatch,
  { options, settings, outcomes, context }: Invocation,
): Promise<ExitCode> {
  const { batch } = known.status;
  const result = await BatchExpansion.retry(session, known, outcomes);
  if (result.kind === 'busy') {
    throw busy(batch);
  }
  if (result.kind === 'closed') {
    throw notOpen(await findBatch(session.ledger, batch), context);
  }
  const { expansion, cleared } = result;
  context.terminal.note(
    cleared > 0
      ? `Retrying ${formatCount(cleared)} fetches of ${batch}`
      : `Completing ${batch}, which had been enqueued in part`,
  );
  if (session.isPrivate) {
    return runBatch(
      {
        session,
        settings,
        before: expansion.status,
        expansion,
        isRepeated: true,
        isJson: options.json === true,
        continueCommand: `${programName(context)} retry ${batch}`,
      },
      context,
    );
  }
  // Without a signal: one ends the process at once, and the next `retry` completes the batch.
  await expansion.run({ onFull: reportFull(context.terminal) });
  return reportEnqueued({ session, batch }, { options }, context);
}
