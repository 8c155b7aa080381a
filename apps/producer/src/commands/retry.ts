import { type Crawl, type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import {
  type BatchStatus,
  expandBatch,
  ExpansionLease,
  LEASE_PATIENCE_MS,
} from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { readOutcomes } from '../batch/batch-filters.ts';
import { CommandError } from '../core/command-error.ts';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { findBatch } from '../batch/find-batch.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';
import { handOver } from '../batch/report-enqueued.ts';
import { Problems } from '../core/problems.ts';
import { runBatch } from '../batch/run-batch.ts';
import { sameCrawl } from '../batch/same-crawl.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { statusDocument } from '../report/status-document.ts';
import { formatCount } from '../report/units.ts';

export interface RetryOptions extends RunFlags {
  readonly json?: boolean;
  readonly wait?: boolean;
  /** Only failures of these outcomes. */
  readonly outcome?: readonly string[];
}

interface Invocation {
  readonly options: RetryOptions;
  readonly settings: RunSettings;
  readonly outcomes: readonly Outcome[];
  readonly context: Context;
}

/**
 * `fetchfleet retry BATCH`: fetches the failed ones again. The ledger forgets that they were settled, and they are enqueued again; their
 * old records stay until better ones come. Killed in between, it is completed by running it again, or by `resume`.
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
  if (settings === undefined) throw new Error('a step failed in silence');
  const outcomes = chosen.length > 0 ? chosen : OUTCOMES.filter((outcome) => outcome !== 'ok');
  const invocation = { options, settings, outcomes, context };
  return withFleet(context, 'find', async (session) => {
    const before = await findBatch(session.ledger, batch);
    assertOpen(before, context);
    // One that is expanding may be one whose retry was interrupted.
    const isAnything = countOf(before, outcomes) > 0 || before.state === 'expanding';
    if (!isAnything) return nothingFailed(before, invocation);
    const crawl = await sameCrawl(session, before, 'retried');
    if (session.isEmbedded) await probeResults(settings.results);
    return retryBatch(session, { before, crawl }, invocation);
  });
}

function countOf({ outcomes: counts }: BatchStatus, outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

function assertOpen({ batch, state }: BatchStatus, context: Context): void {
  if (state !== 'paused' && state !== 'cancelled') return;
  const hint = `resume it first: ${programName(context)} resume ${batch}`;
  throw new CommandError(`${batch} is ${state}; ${hint}`, {
    code: 'BATCH_NOT_OPEN',
    exitCode: EXIT.badInput,
  });
}

function nothingFailed(
  before: BatchStatus,
  { options, outcomes, context: { terminal } }: Invocation,
): ExitCode {
  const which = options.outcome === undefined ? '' : ` as ${outcomes.join(' or ')}`;
  terminal.note(`Nothing of ${before.batch} failed${which}: there is nothing to retry`);
  if (options.json === true) terminal.printJson(statusDocument(before));
  return EXIT.ok;
}

interface Target {
  readonly before: BatchStatus;
  readonly crawl: Crawl;
}

async function retryBatch(
  session: FleetSession,
  { before, crawl }: Target,
  invocation: Invocation,
): Promise<ExitCode> {
  const { terminal } = invocation.context;
  const lease = await takeLease(session, before);
  let cleared: number | undefined;
  try {
    cleared = await session.ledger.retry(before.batch, invocation.outcomes);
  } catch (error) {
    await lease.release();
    throw error;
  }
  const now = await findBatch(session.ledger, before.batch);
  if (cleared === undefined) {
    await lease.release();
    assertOpen(now, invocation.context);
  }
  terminal.note(
    (cleared ?? 0) > 0
      ? `Retrying ${formatCount(cleared ?? 0)} fetches of ${before.batch}`
      : `Completing ${before.batch}, which had been enqueued in part`,
  );
  return session.isEmbedded
    ? fetchHere(session, { before: now, crawl }, { ...invocation, lease })
    : enqueue(session, { before: now, crawl }, { ...invocation, lease });
}

async function takeLease(session: FleetSession, { batch }: BatchStatus): Promise<ExpansionLease> {
  const { signal } = new AbortController();
  const lease = await ExpansionLease.acquire(session.ledger, batch, {
    timeoutMs: LEASE_PATIENCE_MS,
    signal,
  });
  if (lease !== undefined) return lease;
  throw new CommandError(`another producer is enqueueing ${batch} right now; try again later`, {
    code: 'BATCH_BUSY',
    exitCode: EXIT.unavailable,
  });
}

async function fetchHere(
  session: FleetSession,
  { before, crawl }: Target,
  { options, settings, context, lease }: Invocation & { readonly lease: ExpansionLease },
): Promise<ExitCode> {
  return runBatch(
    {
      session,
      settings,
      crawl,
      before,
      lease,
      isRepeated: true,
      isJson: options.json === true,
      continueCommand: `${programName(context)} retry ${before.batch}`,
    },
    context,
  );
}

async function enqueue(
  session: FleetSession,
  { before, crawl }: Target,
  { options, context, lease }: Invocation & { readonly lease: ExpansionLease },
): Promise<ExitCode> {
  const { batch, sliceSize } = before;
  await expandBatch({
    ledger: session.ledger,
    queue: session.queue,
    batch,
    crawl,
    sliceSize,
    isRepeated: true,
    lease,
    // Nothing to put in order: a signal ends the process, and the next retry continues.
    signal: new AbortController().signal,
  });
  return handOver({ session, batch }, { options }, context);
}
