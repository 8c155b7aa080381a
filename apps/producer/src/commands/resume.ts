import { setTimeout as sleep } from 'node:timers/promises';
import type { Crawl } from '@fetchfleet/crawl';
import {
  type BatchStatus,
  expandBatch,
  LEASE_PATIENCE_MS,
  UnknownBatchError,
} from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { type Context, programName } from '../core/context.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { findBatch } from '../batch/find-batch.ts';
import { FleetSession } from '../session/fleet-session.ts';
import { goOn } from '../batch/resume-paused.ts';
import { handOver } from '../batch/report-enqueued.ts';
import { runBatch } from '../batch/run-batch.ts';
import { sameCrawl } from '../batch/same-crawl.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { exitCodeOf, statusDocument } from '../report/status-document.ts';
import { formatCount } from '../report/units.ts';

/**
 * Workers look once a second whether a batch is cancelled, and drop its slices until they have looked again. A slice queued
 * before that would be lost.
 */
const UNTIL_NOTICED_MS = 2_000;

export interface ResumeOptions extends RunFlags {
  readonly json?: boolean;
}

/**
 * `fetchfleet resume BATCH`: a paused batch goes on with the slices that were parked; a cancelled one is enqueued again, and so is whatever of any
 * other is neither settled nor queued. Where the Redis is the private one of this folder, no workers run elsewhere: then it fetches, like `run`.
 */
export async function resume(
  batch: string,
  options: ResumeOptions,
  context: Context,
): Promise<ExitCode> {
  const settings = readRunSettings(options, context);
  const session = await FleetSession.open(context, 'find');
  try {
    const before = await findBatch(session.ledger, batch);
    if (before.state === 'finished') return alreadyFinished(before, options, context);
    if (session.isEmbedded) await probeResults(settings.results);
    return await Promise.race([
      goOnWith(session, before, { options, settings, context }),
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

async function goOnWith(
  session: FleetSession,
  before: BatchStatus,
  { options, settings, context }: Invocation,
): Promise<ExitCode> {
  const { batch } = before;
  const isQueued = before.state === 'paused' && (await isAllQueued(session, batch));
  // Before anything is changed: a batch whose lists are not what they were stays as it is.
  const crawl = isQueued
    ? await knownCrawl(session, batch)
    : await sameCrawl(session, before, 'resumed');
  if (before.state === 'cancelled') {
    await session.ledger.reopen(batch);
    await sleep(UNTIL_NOTICED_MS);
    await session.pausedSlices.release(batch);
  } else {
    await goOn(session, batch);
  }
  if (session.isEmbedded) {
    return runBatch(
      {
        session,
        settings,
        crawl,
        before,
        isRepeated: true,
        isQueued,
        isJson: options.json === true,
        continueCommand: `${programName(context)} run ${before.source}`,
      },
      context,
    );
  }
  if (!isQueued) await requeue(session, { before, crawl }, context);
  const tell = ({ state, total, settled }: BatchStatus): void => {
    const left = `${formatCount(total - settled)} of ${formatCount(total)} left`;
    context.terminal.note(`${batch} is ${state}: ${left}`);
  };
  return handOver({ session, batch }, { options, tell }, context);
}

/** What of a paused batch was to be queued is queued, unless its producer was not done, or a worker could make nothing of a slice. */
async function isAllQueued({ ledger, queue }: FleetSession, batch: string): Promise<boolean> {
  return (await ledger.isExpanded(batch)) && (await queue.rejected.count(batch)) === 0;
}

function alreadyFinished(
  before: BatchStatus,
  { json }: ResumeOptions,
  { terminal }: Context,
): ExitCode {
  terminal.note(`${before.batch} is finished: nothing is missing`);
  if (json === true) terminal.printJson(statusDocument(before));
  return exitCodeOf(before);
}

async function knownCrawl(session: FleetSession, batch: string): Promise<Crawl> {
  const crawl = await session.ledger.crawl(batch);
  if (crawl === undefined) throw new UnknownBatchError(batch);
  return crawl;
}

async function requeue(
  session: FleetSession,
  { before, crawl }: { readonly before: BatchStatus; readonly crawl: Crawl },
  { terminal }: Context,
): Promise<void> {
  const slices = await expandBatch({
    ledger: session.ledger,
    queue: session.queue,
    batch: before.batch,
    crawl,
    sliceSize: before.sliceSize,
    isRepeated: true,
    timeoutMs: LEASE_PATIENCE_MS,
    signal: new AbortController().signal,
  });
  if (slices === undefined) terminal.warn('another producer is enqueueing this batch right now');
}
