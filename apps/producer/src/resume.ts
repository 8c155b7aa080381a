import { setTimeout as sleep } from 'node:timers/promises';
import { type Crawl, fingerprintOf } from '@fetchfleet/crawl';
import { type BatchStatus, expandBatch, LEASE_PATIENCE_MS } from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { CommandError } from './command-error.ts';
import { type Context, programName } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { findBatch } from './find-batch.ts';
import { FleetSession } from './fleet-session.ts';
import { runBatch } from './run-batch.ts';
import { readRunSettings, type RunFlags } from './settings.ts';
import { exitCodeOf, statusDocument } from './status-document.ts';
import { formatCount } from './units.ts';

/**
 * Workers look once a second whether a batch is cancelled, and drop its slices until they have looked again. A slice queued
 * before that would be lost.
 */
const UNTIL_NOTICED_MS = 2_000;

export interface ResumeOptions extends RunFlags {
  readonly json?: boolean;
}

/**
 * `fetchfleet resume BATCH`: a cancelled batch goes on, and whatever is neither settled nor queued is enqueued again. Where the Redis is the
 * private one of this folder, no workers run elsewhere: then it fetches, like `run`.
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
    const crawl = await sameCrawl(session, before);
    if (session.isEmbedded) await probeResults(settings.results);
    if (before.state === 'paused') await session.ledger.unpause(batch);
    else await session.ledger.reopen(batch);
    if (before.state === 'cancelled') await sleep(UNTIL_NOTICED_MS);
    if (!session.isEmbedded) return await requeue(session, { before, crawl }, { options, context });
    return await runBatch(
      {
        session,
        settings,
        crawl,
        before,
        isRepeated: true,
        isJson: options.json === true,
        continueCommand: `${programName(context)} run ${before.source}`,
      },
      context,
    );
  } finally {
    await session.close();
  }
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

/** The crawl as it was registered, if its lists still say the same: indexes must mean the same fetches. */
async function sameCrawl(session: FleetSession, before: BatchStatus): Promise<Crawl> {
  const crawl = await session.ledger.crawl(before.batch);
  if (crawl !== undefined && (await fingerprintOf(crawl)) === before.fingerprint) return crawl;
  const files = (crawl?.sources ?? []).flatMap((one) => (one.kind === 'file' ? [one.path] : []));
  throw new CommandError(
    `${before.batch} cannot be resumed: its lists have changed since it was started (${files.join(', ')}); put them back, or start a new batch`,
    { code: 'LISTS_CHANGED', exitCode: EXIT.badInput },
  );
}

async function requeue(
  session: FleetSession,
  { before, crawl }: { readonly before: BatchStatus; readonly crawl: Crawl },
  { options, context }: { readonly options: ResumeOptions; readonly context: Context },
): Promise<ExitCode> {
  const { terminal } = context;
  const slices = await expandBatch({
    ledger: session.ledger,
    queue: session.queue,
    batch: before.batch,
    crawl,
    sliceSize: before.sliceSize,
    isRepeated: true,
    patienceMs: LEASE_PATIENCE_MS,
    signal: new AbortController().signal,
  });
  if (slices === undefined) terminal.warn('another producer is enqueueing this batch right now');
  const status = await findBatch(session.ledger, before.batch);
  const left = formatCount(status.total - status.settled);
  terminal.note(`${before.batch} is ${status.state}: ${left} of ${formatCount(status.total)} left`);
  if ((await session.queue.workers()) === 0) {
    terminal.warn('no worker is running on this Redis: start fetchfleet-worker');
  }
  if (options.json === true) terminal.printJson(statusDocument(status));
  return EXIT.ok;
}
