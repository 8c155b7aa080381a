import { BatchExpansion, type BatchStatus } from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { findBatch } from '../batch/find-batch.ts';
import { loadCrawl, type LoadedCrawl } from '../batch/load-crawl.ts';
import { resumePaused } from '../batch/resume-paused.ts';
import { runBatch } from '../batch/run-batch.ts';
import { type Context, programName } from '../core/context.ts';
import { type ExitCode, Problems } from '../core/errors.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { formatCount } from '../report/units.ts';
import { FleetSession } from '../session/fleet-session.ts';

export interface RunOptions extends RunFlags {
  readonly json?: boolean;
  /** Start another batch even if an unfinished one could be continued. */
  readonly new?: boolean;
}

/** `fetchfleet run FILE`: everything on this machine. */
export async function run(file: string, options: RunOptions, context: Context): Promise<ExitCode> {
  const { settings, loaded } = await prepare(file, options, context);
  await probeResults(settings.results);
  const session = await FleetSession.open(context, 'start');
  try {
    const unfinished = options.new === true ? undefined : await findUnfinished(session, loaded);
    const isRepeated = unfinished !== undefined;
    const expansion = isRepeated
      ? BatchExpansion.complete(session, { status: unfinished, crawl: loaded.local.crawl })
      : await BatchExpansion.create(session, loaded);
    const { status: before } = expansion;
    announce(before, isRepeated, context);
    if (before.state === 'paused') {
      await resumePaused(session, before.batch);
    }
    return await runBatch(
      {
        session,
        settings,
        before,
        expansion,
        isRepeated,
        isJson: options.json === true,
        continueCommand: `${programName(context)} run ${file}`,
      },
      context,
    );
  } finally {
    await session.close();
  }
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
  if (settings === undefined || loaded === undefined) {
    throw new Error('internal error: no problem was reported');
  }
  return { settings, loaded };
}

async function findUnfinished(
  { ledger }: FleetSession,
  { fingerprint }: LoadedCrawl,
): Promise<BatchStatus | undefined> {
  const id = await ledger.findUnfinished(fingerprint);
  return id === undefined ? undefined : findBatch(ledger, id);
}

function announce(before: BatchStatus, isRepeated: boolean, { terminal }: Context): void {
  if (!isRepeated) {
    terminal.note(`Batch ${before.batch}: ${formatCount(before.total)} fetches`);
    return;
  }
  const done = `${formatCount(before.settled)} of ${formatCount(before.total)} are done`;
  const was = before.state === 'paused' ? ', it was paused' : '';
  terminal.note(`Continuing batch ${before.batch}${was}: ${done} (--new starts another one)`);
}
