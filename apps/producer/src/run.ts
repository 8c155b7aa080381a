import { newBatchId, sliceSizeFor } from '@fetchfleet/crawl';
import type { BatchStatus } from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { type Context, programName } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { ExpansionLease } from './expansion-lease.ts';
import { findBatch } from './find-batch.ts';
import { FleetSession } from './fleet-session.ts';
import { loadCrawl, type LoadedCrawl } from './load-crawl.ts';
import { Problems } from './problems.ts';
import { runBatch } from './run-batch.ts';
import { readRunSettings, type RunFlags, type RunSettings } from './settings.ts';
import { formatCount } from './units.ts';

export interface RunOptions extends RunFlags {
  readonly json?: boolean;
  /** Start another batch although an unfinished one could be continued. */
  readonly new?: boolean;
}

/** `fetchfleet run FILE`: everything on this machine. */
export async function run(file: string, options: RunOptions, context: Context): Promise<ExitCode> {
  const { settings, loaded } = await prepare(file, options, context);
  await probeResults(settings.results);
  const session = await FleetSession.open(context, 'start');
  try {
    const found =
      options.new === true ? undefined : await session.ledger.findUnfinished(loaded.fingerprint);
    const registered = found === undefined ? await registerBatch(session, loaded) : undefined;
    const before = await findBatch(session.ledger, found ?? registered?.id ?? '');
    announce(before, found !== undefined, context);
    return await runBatch(
      {
        session,
        settings,
        crawl: loaded.crawl,
        before,
        lease: registered?.lease,
        isRepeated: found !== undefined,
        isJson: options.json === true,
        continueCommand: `${programName(context)} run ${file}`,
      },
      context,
    );
  } finally {
    await session.close();
  }
}

/**
 * Makes a crawl known to the ledger, as a new batch. The lease of its expansion is taken before, or a producer that starts at
 * the same moment would take the batch for one that was left behind.
 */
export async function registerBatch(
  { ledger }: FleetSession,
  loaded: LoadedCrawl,
): Promise<{ id: string; lease: ExpansionLease | undefined }> {
  const { crawl, total, path, fingerprint } = loaded;
  const id = newBatchId(crawl.plan.name, new Date(), Math.random);
  const sliceSize = sliceSizeFor(total);
  const signal = new AbortController().signal;
  const lease = await ExpansionLease.acquire(ledger, id, { patienceMs: 0, signal });
  await ledger.register({ id, crawl, total, sliceSize, source: path, fingerprint });
  return { id, lease };
}

async function prepare(
  file: string,
  flags: RunFlags,
  context: Context,
): Promise<{ settings: RunSettings; loaded: LoadedCrawl }> {
  const problems = new Problems();
  const settings = await problems.collect(() => readRunSettings(flags, context));
  const loaded = await loadCrawl(file, problems, context);
  for (const name of loaded?.missingSecrets ?? []) {
    problems.add(`${file} headers: the variable ${name} is not set, and workers need it`);
  }
  problems.throwIfAny('nothing was enqueued');
  if (settings === undefined || loaded === undefined) throw new Error('a step failed in silence');
  return { settings, loaded };
}

function announce(before: BatchStatus, isFound: boolean, { terminal }: Context): void {
  if (!isFound) {
    terminal.note(`Batch ${before.batch}: ${formatCount(before.total)} fetches`);
    return;
  }
  const done = `${formatCount(before.settled)} of ${formatCount(before.total)} are done`;
  terminal.note(`Continuing batch ${before.batch}: ${done} (--new starts another one)`);
}
