import { setTimeout as sleep } from 'node:timers/promises';
import { BatchExpansion, type BatchStatus, statusDocument } from '@fetchfleet/fleet';
import { findBatch, planOf } from '../batch/find-batch.ts';
import { isAllQueued } from '../batch/is-all-queued.ts';
import { knownBatch } from '../crawl/comparison.ts';
import { loadRegisteredCrawl } from '../crawl/load-crawl.ts';
import { reportEnqueued } from '../batch/report-enqueued.ts';
import { reportFull } from '../batch/report-full.ts';
import { requeuePaused, resumePaused } from '../batch/resume-paused.ts';
import { runBatch } from '../batch/run-batch.ts';
import type { Context } from '../core/context.ts';
import type { ExitCode } from '../core/errors.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { exitCodeOf } from '../report/exit-code-of.ts';
import { formatCount } from '../report/units.ts';
import { probe } from '../results/open-place.ts';
import { FleetSession } from '../session/fleet-session.ts';

/**
 * Workers check once a second whether a batch is cancelled, and until the next check they put off
 * its slices. Those of version 0.1 even remove a slice that is queued earlier than this.
 */
const UNTIL_NOTICED_MS = 2_000;

export interface ResumeOptions extends RunFlags {
  readonly json?: boolean;
}

/**
 * `fetchfleet resume BATCH`: a paused batch goes on with the slices it has. A cancelled batch is
 * enqueued again; so is what is neither settled nor queued of any other batch. With the private
 * Redis of this folder there are no workers elsewhere, so the command fetches, as `run` does.
 */
export async function resume(
  batch: string,
  options: ResumeOptions,
  context: Context,
): Promise<ExitCode> {
  const settings = readRunSettings(options, context);
  const session = await FleetSession.open(context, { find: batch });
  try {
    const before = await findBatch(session.ledger, batch);
    if (before.state === 'finished') {
      return alreadyFinished(before, options, context);
    }
    if (session.isPrivate) {
      await probe(settings.results, context);
    }
    return await Promise.race([
      goOn(session, before, { options, settings, context }),
      session.lost,
    ]);
  } finally {
    await session.close();
  }
}

interface Invocation {
  readonly options: ResumeOptions;
  readonly settings: RunSettings;
  readonly context: Context;
}

async function goOn(
  session: FleetSession,
  before: BatchStatus,
  { options, settings, context }: Invocation,
): Promise<ExitCode> {
  // First, so that a batch whose lists have changed stays as it is.
  const expansion = await expansionOf(session, before, { settings, context });
  await reopen(session, before);
  if (session.isPrivate) {
    return runBatch(
      {
        session,
        settings,
        before,
        expansion,
        plan: await planOf(session.ledger, before.batch),
        isRepeated: true,
        isJson: options.json === true,
      },
      context,
    );
  }
  return enqueue(session, { before, expansion }, { options, context });
}

/** Undefined if all slices are queued: the batch was only paused. */
async function expansionOf(
  session: FleetSession,
  before: BatchStatus,
  { settings, context }: Pick<Invocation, 'settings' | 'context'>,
): Promise<BatchExpansion | undefined> {
  if (before.state === 'paused' && (await isAllQueued(session, before.batch))) {
    return undefined;
  }
  const crawl = await loadRegisteredCrawl(session, before, {
    purpose: 'resumed',
    lists: settings.lists,
    context,
  });
  const known = await knownBatch(
    session,
    { status: before, crawl },
    { results: settings.results, context },
  );
  return BatchExpansion.complete(session, known);
}

async function reopen(session: FleetSession, { batch, state }: BatchStatus): Promise<void> {
  if (state !== 'cancelled') {
    await resumePaused(session, batch);
    return;
  }
  await session.ledger.reopen(batch);
  await sleep(UNTIL_NOTICED_MS);
  await requeuePaused(session, batch);
}

async function enqueue(
  session: FleetSession,
  work: { readonly before: BatchStatus; readonly expansion: BatchExpansion | undefined },
  { options, context }: Pick<Invocation, 'options' | 'context'>,
): Promise<ExitCode> {
  const { terminal } = context;
  const { batch } = work.before;
  // Without a signal: one ends the process at once, and the next `resume` completes the batch.
  const onFull = reportFull(terminal);
  const isLeft = work.expansion !== undefined && !(await work.expansion.run({ onFull }));
  if (isLeft && (await session.ledger.state(batch)) === 'expanding') {
    terminal.warn('another producer is enqueueing this batch right now');
  }
  const describe = ({ state, total, settled }: BatchStatus): void => {
    const left = `${formatCount(total - settled)} of ${formatCount(total)} left`;
    terminal.note(`${batch} is ${state}: ${left}`);
  };
  return reportEnqueued({ session, batch }, { options, describe }, context);
}

function alreadyFinished(
  before: BatchStatus,
  { json }: ResumeOptions,
  { terminal }: Context,
): ExitCode {
  terminal.note(`${before.batch} is finished: nothing is missing`);
  if (json === true) {
    terminal.printJson(statusDocument(before));
  }
  return exitCodeOf(before);
}
