import { type BatchStatus, registerBatch } from '@fetchfleet/fleet';
import { probeResults } from '@fetchfleet/results';
import { type Context, programName } from '../core/context.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { findBatch } from '../batch/find-batch.ts';
import { FleetSession } from '../session/fleet-session.ts';
import { goOn } from '../batch/resume-paused.ts';
import { loadCrawl, type LoadedCrawl } from '../batch/load-crawl.ts';
import { Problems } from '../core/problems.ts';
import { runBatch } from '../batch/run-batch.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { formatCount } from '../report/units.ts';

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
    const registered =
      found === undefined ? await registerBatch(session.ledger, loaded) : undefined;
    const before = await findBatch(session.ledger, found ?? registered?.id ?? '');
    announce(before, found !== undefined, context);
    if (before.state === 'paused') await goOn(session, before.batch);
    return await runBatch(
      {
        session,
        settings,
        crawl: loaded.local.crawl,
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
  const was = before.state === 'paused' ? ', it was paused' : '';
  terminal.note(`Continuing batch ${before.batch}${was}: ${done} (--new starts another one)`);
}
