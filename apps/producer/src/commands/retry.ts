import { type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import {
  BatchExpansion,
  type BatchStatus,
  deniedFetches,
  type LedgerReader,
  statusDocument,
} from '@fetchfleet/fleet';
import type { IndexSet } from '../failures/index-set.ts';
import { chosenFailures } from '../failures/chosen-failures.ts';
import {
  type FailureFilter,
  type FilterFlags,
  needsRecords,
  readFailureFilter,
} from '../failures/failure-filter.ts';
import { batchNotOpen, fetchAgain } from '../batch/fetch-again.ts';
import { findBatch } from '../batch/find-batch.ts';
import { explainResults } from '../batch/explain-results.ts';
import { withBatch } from '../results/check-out.ts';
import { resultsOf } from '../results/results-of.ts';
import { knownBatch } from '../crawl/comparison.ts';
import { loadRegisteredCrawl } from '../crawl/load-crawl.ts';
import { EXIT, type ExitCode, Problems } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { countOf } from '../report/units.ts';
import { probe } from '../results/open-place.ts';
import { withFleet } from '../session/fleet-session.ts';

export interface RetryOptions extends RunFlags, FilterFlags {
  readonly json?: boolean;
  readonly wait?: boolean;
}

/** What robots.txt forbids is fetched again only if somebody asks for it. */
const RETRIED_BY_DEFAULT = OUTCOMES.filter((one) => one !== 'ok' && one !== 'robots-denied');

interface Invocation {
  readonly options: RetryOptions;
  readonly settings: RunSettings;
  readonly filter: FailureFilter;
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
  const filter = readFailureFilter(options, problems);
  problems.throwIfAny('nothing was retried');
  if (settings === undefined) {
    throw new Error('internal error: no problem was reported');
  }
  const outcomes = filter.outcomes ?? RETRIED_BY_DEFAULT;
  const invocation = { options, settings, filter, outcomes, context };
  return withFleet(context, { find: batch }, async (session) => {
    const before = await findBatch(session.ledger, batch);
    if (before.state === 'paused' || before.state === 'cancelled') {
      throw batchNotOpen(before, context);
    }
    // An expanding batch may be one whose retry was interrupted.
    if (fetchesWith(before, outcomes) === 0 && before.state !== 'expanding') {
      return nothingFailed(before, invocation);
    }
    const indexes = await chosen(session.ledger, before, invocation);
    if (indexes?.size === 0) {
      return nothingFailed(before, invocation);
    }
    const crawl = await loadRegisteredCrawl(session, before, {
      purpose: 'retried',
      lists: settings.lists,
      context,
    });
    if (session.isPrivate) {
      await probe(settings.results, context);
    }
    const known = await knownBatch(
      session,
      { status: before, crawl },
      { results: settings.results, context },
    );
    const result =
      indexes === undefined
        ? await BatchExpansion.retry(session, known, outcomes)
        : await BatchExpansion.repair(session, known, indexes, outcomes);
    return fetchAgain({ session, batch, result, settings, options }, context);
  });
}

/** The failures that --status, --origin and --index choose; undefined without any of them. */
async function chosen(
  ledger: LedgerReader,
  status: BatchStatus,
  { options, filter, outcomes, context }: Invocation,
): Promise<IndexSet | undefined> {
  if (!needsRecords(filter) && filter.indexes === undefined) {
    return undefined;
  }
  const flags = options.results === undefined ? undefined : [options.results];
  const { batch } = status;
  const places = await resultsOf(status, flags, context);
  const choosing = { ledger, status, filter, outcomes };
  try {
    return needsRecords(filter)
      ? await withBatch({ places, batch, needsBodies: false }, context, async (dirs) =>
          chosenFailures({ ...choosing, dirs }),
        )
      : await chosenFailures({ ...choosing, dirs: [] });
  } catch (error) {
    throw await explainResults(error, batch, places);
  }
}

function fetchesWith({ outcomes: counts }: BatchStatus, outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, outcome) => sum + (counts[outcome] ?? 0), 0);
}

function nothingFailed(
  before: BatchStatus,
  { options, filter, outcomes, context: { terminal } }: Invocation,
): ExitCode {
  const isChosen = needsRecords(filter) || filter.indexes !== undefined;
  const as = options.outcome === undefined ? '' : ` as ${outcomes.join(' or ')}`;
  const which = isChosen ? `${as} of what was chosen` : as;
  terminal.note(`Nothing of ${before.batch} failed${which}: there is nothing to retry`);
  const denied = deniedFetches(before);
  if (options.outcome === undefined && denied > 0) {
    terminal.note(
      `robots.txt forbids ${countOf(denied, 'fetch')}; --outcome robots-denied tries them again`,
    );
  }
  if (options.json === true) {
    terminal.printJson(statusDocument(before));
  }
  return EXIT.ok;
}
