import { BatchExpansion } from '@fetchfleet/fleet';
import type { Place } from '@fetchfleet/results/place';
import { knownBatch, withComparison } from '../crawl/comparison.ts';
import { type LoadedCrawl, requireCrawl } from '../crawl/load-crawl.ts';
import { applyNotify, type NotifyFlags } from '../crawl/notify-flag.ts';
import type { OnlyFlags } from '../crawl/only-flags.ts';
import { reportEnqueued } from '../batch/report-enqueued.ts';
import { reportFull } from '../batch/report-full.ts';
import { CommandTracing } from '../core/command-tracing.ts';
import { type Context, withShards } from '../core/context.ts';
import type { ExitCode } from '../core/errors.ts';
import { type ListFlags, readListAccess } from '../core/settings.ts';
import { countOf } from '../report/units.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';

export interface StartOptions
  extends Pick<ListFlags, 'allowPrivate' | 'results'>, OnlyFlags, NotifyFlags {
  readonly json?: boolean;
  readonly wait?: boolean;
  /** Start another batch even if an interrupted expansion could be continued. */
  readonly new?: boolean;
  readonly shards?: string;
}

/** `fetchfleet start FILE`: enqueues a batch for workers elsewhere. */
export async function start(
  file: string,
  options: StartOptions,
  outer: Context,
): Promise<ExitCode> {
  const context = withShards(outer, options.shards);
  const { terminal } = context;
  const consequence = 'nothing was enqueued';
  const loaded = await requireCrawl(file, options, { context, consequence });
  const work = async (session: FleetSession, tracing: CommandTracing): Promise<ExitCode> => {
    await session.checkBeforeEnqueueing(context);
    for (const name of loaded.missingSecrets) {
      terminal.warn(`${name} is not set here; workers need it`);
    }
    const batch = await enqueueBatch(session, loaded, { options, context, tracing });
    return reportEnqueued(
      { session, batch },
      {
        options,
        describe: ({ total }) => {
          if (options.json !== true) {
            terminal.note(`Enqueued ${countOf(total, 'fetch')}`);
          }
        },
      },
      context,
    );
  };
  return CommandTracing.use(context, async (tracing) =>
    withFleet(context, 'refuse', async (session) => work(session, tracing)),
  );
}

interface Invocation {
  readonly options: StartOptions;
  readonly context: Context;
  readonly tracing: CommandTracing;
}

/**
 * No expansion below is given a signal: one ends the process at once, and the next `start`
 * continues the batch.
 *
 * @returns the id of the batch, whose slices are all queued
 */
async function enqueueBatch(
  session: FleetSession,
  loaded: LoadedCrawl,
  { options, context, tracing }: Invocation,
): Promise<string> {
  const { terminal } = context;
  const { results } = readListAccess(options, context);
  const onFull = reportFull(terminal);
  const abandoned =
    options.new === true
      ? undefined
      : await takeOverAbandoned(session, loaded, { results, context });
  if (abandoned !== undefined) {
    const { batch } = abandoned.status;
    await applyNotify(session, abandoned.status, loaded.crawl);
    await abandoned.run({ onFull });
    terminal.note(`Continued batch ${batch}, which had been enqueued in part`);
    printId(batch, options, context);
    return batch;
  }
  const compared = await withComparison(loaded, results, context);
  const expansion = await BatchExpansion.create(session, compared, {
    ...(await tracing.expansionOf(compared, session.ledger)),
    onFull,
  });
  const { batch } = expansion.status;
  printId(batch, options, context);
  await expansion.run({ onFull });
  return batch;
}

/**
 * The expansion of the same crawl whose producer was killed: it is completed instead of doubled. If
 * that producer turns out to be alive, this command starts a batch of its own.
 */
async function takeOverAbandoned(
  session: FleetSession,
  { fingerprint, local }: LoadedCrawl,
  where: { readonly results: Place; readonly context: Context },
): Promise<BatchExpansion | undefined> {
  const id = await session.ledger.findUnfinished(fingerprint, ['expanding']);
  const status = id === undefined ? undefined : await session.ledger.status(id);
  if (status?.state !== 'expanding') {
    return undefined;
  }
  const known = await knownBatch(session, { status, crawl: local.crawl }, where);
  const expansion = BatchExpansion.complete(session, known);
  return (await expansion.takeOver()) ? expansion : undefined;
}

function printId(batch: string, { json }: StartOptions, { terminal }: Context): void {
  if (json !== true) {
    terminal.print(batch);
  }
}
