import { isAbsolute } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { toError } from '@fetchfleet/crawl';
import { readAge, readStates } from '../../batch/batch-filters.ts';
import { CommandError, EXIT, type ExitCode, Problems } from '../../core/errors.ts';
import type { Context } from '../../core/context.ts';
import type { Terminal } from '../../core/terminal.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { readPlaces } from '../../core/settings.ts';
import { messageWidth, textTable } from '../../report/text-table.ts';
import { formatBytes, formatCount, formatDuration } from '../../report/units.ts';
import { namesOf, type OpenPlace, openPlaces } from '../../results/open-place.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { checkNamed } from './named-batches.ts';
import { type Candidate, planPrune, type PrunePlan, type PruneRules } from './prune-plan.ts';

export interface PruneOptions {
  readonly json?: boolean;
  readonly olderThan?: string;
  readonly state?: readonly string[];
  readonly results?: readonly string[];
  readonly orphans?: boolean;
  readonly trustFolders?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/**
 * `fetchfleet prune BATCH…` and `prune --older-than AGE`: removes ledger, queue and results of
 * batches that have ended. Asks for confirmation.
 */
export async function prune(
  batches: readonly string[],
  options: PruneOptions,
  context: Context,
): Promise<ExitCode> {
  const rules = await readRules(batches, options, context);
  const { terminal } = context;
  const [batch] = batches;
  return withFleet(context, batch === undefined ? 'find' : { find: batch }, async (session) => {
    const problems = new Problems();
    await checkNamed(session, rules, problems);
    problems.throwIfAny('nothing was removed');
    const plan = await planPrune(session, rules, context);
    const { candidates, kept, nowMs } = plan;
    describe(plan, rules, terminal);
    const exitCode = exitCodeOf(plan, rules);
    if (candidates.length === 0) {
      terminal.note(
        exitCode === EXIT.ok && kept.length === 0
          ? `No batch ended more than ${options.olderThan} ago`
          : 'Nothing can be removed',
      );
      return printRemoved([], options, { terminal, exitCode, kept });
    }
    if (options.json !== true || options.yes !== true) {
      terminal.say(...pruneTable(candidates, nowMs, messageWidth(terminal)));
    }
    if (options.dryRun === true) {
      return printRemoved(candidates, options, { terminal, exitCode, kept });
    }
    if (!(await isConfirmed(candidates, options, context))) {
      terminal.note('Nothing was removed');
      return printRemoved([], options, { terminal, exitCode, kept });
    }
    const { removed, isComplete } = await removeAll(session, candidates, terminal);
    terminal.note(`Removed ${summaryOf(removed)}`);
    const isAll = rules.only === undefined || removed.length === candidates.length;
    return printRemoved(removed, options, {
      terminal,
      kept,
      exitCode: !isComplete ? EXIT.unavailable : isAll ? exitCode : EXIT.someFailed,
    });
  });
}

/** Of a batch that is asked for by its id, more is expected than of the old ones. */
function exitCodeOf({ unreadable, kept }: PrunePlan, { only }: PruneRules): ExitCode {
  if (unreadable.length > 0) {
    return EXIT.unavailable;
  }
  return only !== undefined && kept.length > 0 ? EXIT.someFailed : EXIT.ok;
}

/** What is left alone, and how to remove it all the same. */
function describe(plan: PrunePlan, { results }: PruneRules, terminal: Terminal): void {
  const { orphansLeft, otherPlaces, unreadable, kept } = plan;
  for (const { batch, referredBy } of kept) {
    terminal.note(`${batch} is kept: ${referredBy} refers to it`);
  }
  if (orphansLeft > 0) {
    const nouns = results.every(isFolder) ? ['folder', 'folders'] : ['batch', 'batches'];
    const count = `${formatCount(orphansLeft)} old ${nouns[orphansLeft === 1 ? 0 : 1] ?? ''}`;
    terminal.note(
      `${namesOf(results)} has ${count} without a batch in this Redis; --orphans removes them, too`,
    );
  }
  if (otherPlaces.length > 0) {
    const named = otherPlaces.map((location) => JSON.stringify(location)).join(' and ');
    const trust = otherPlaces.some(isAbsolute) ? ', or add --trust-folders' : '';
    terminal.note(
      `Workers have reported results in ${named}, which are not touched: name them with --results${trust}`,
    );
  }
  for (const reason of unreadable) {
    terminal.warn(reason);
  }
}

function isFolder({ place }: OpenPlace): boolean {
  return place.kind === 'folder';
}

async function readRules(
  batches: readonly string[],
  options: PruneOptions,
  context: Context,
): Promise<PruneRules> {
  const problems = new Problems();
  const { olderThan } = options;
  const isNamed = batches.length > 0;
  const allowed = ['finished', 'cancelled'] as const;
  const states = readStates(options.state ?? allowed, problems, allowed);
  const age = olderThan === undefined ? 0 : readAge('--older-than', olderThan, problems);
  if (isNamed && (olderThan ?? options.state) !== undefined) {
    problems.add('--older-than and --state choose among all batches: leave them or the ids out');
  } else if (!isNamed && olderThan === undefined) {
    problems.add('name the batches to remove, or choose old ones with --older-than 30d');
  }
  problems.throwIfAny('nothing was removed');
  return {
    ...(isNamed && { only: new Set(batches) }),
    states,
    minAgeMs: age,
    results: await openPlaces(readPlaces(options.results, context), context),
    trustsFolders: options.trustFolders === true,
    withOrphans: options.orphans === true,
  };
}

async function isConfirmed(
  candidates: readonly Candidate[],
  { yes }: PruneOptions,
  { terminal, interrupts }: Context,
): Promise<boolean> {
  if (yes === true) {
    return true;
  }
  if (!terminal.isInteractive || !process.stdin.isTTY) {
    throw new CommandError(
      'cannot ask for confirmation without a terminal: add --yes or --dry-run',
      {
        code: 'CONFIRMATION_MISSING',
      },
    );
  }
  const { drain: signal } = interrupts.takeOver();
  const questions = createInterface({ input: process.stdin, output: terminal.stderr });
  // readline handles Ctrl-C itself and sends no signal.
  questions.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await questions.question(`Remove ${summaryOf(candidates)}? [y/N] `, { signal });
    return /^y(es)?$/iu.test(answer.trim());
  } catch (error) {
    signal.throwIfAborted();
    if (toError(error).name === 'AbortError') {
      terminal.say(''); // Ctrl-D leaves the cursor behind the question
      return false;
    }
    throw error;
  } finally {
    questions.close();
  }
}

/** @returns what is gone, and whether nothing is left that the next prune has to complete */
async function removeAll(
  session: FleetSession,
  candidates: readonly Candidate[],
  terminal: Terminal,
): Promise<{ readonly removed: readonly Candidate[]; readonly isComplete: boolean }> {
  const removed: Candidate[] = [];
  let isComplete = true;
  for (const candidate of candidates) {
    const end = await remove(session, candidate, terminal);
    if (end === 'removed') {
      removed.push(candidate);
    }
    isComplete &&= end !== 'incomplete';
  }
  return { removed, isComplete };
}

/**
 * Removes one batch, and says what was kept and why. Safe to interrupt at any point: the next prune
 * completes the removal, also one that is incomplete because a folder cannot be removed now.
 */
async function remove(
  session: FleetSession,
  candidate: Candidate,
  terminal: Terminal,
): Promise<'removed' | 'kept' | 'incomplete'> {
  const { batch, state, results } = candidate;
  if (
    state !== 'orphan' &&
    !(await withTimeout(
      session.removal.begin(batch, results.map(({ store }) => store.location).join('\n')),
    ))
  ) {
    terminal.warn(`${batch} was kept: it was resumed or retried in the meantime`);
    return 'kept';
  }
  let isComplete = true;
  for (const { store } of results) {
    const what = `${store.location}/${batch}`;
    try {
      const reason = await store.remove(batch);
      if (reason !== undefined) {
        terminal.warn(`${what} was kept: ${reason}`);
      }
    } catch (error) {
      // The other batches need not wait until somebody has mended this one.
      terminal.warn(`${what} cannot be removed: ${toError(error).message}`);
      isComplete = false;
    }
  }
  if (!isComplete) {
    return 'incomplete';
  }
  await withTimeout(session.removal.finish(batch));
  return 'removed';
}

function printRemoved(
  removed: readonly Candidate[],
  { json, dryRun }: PruneOptions,
  {
    terminal,
    exitCode,
    kept,
  }: {
    readonly terminal: Terminal;
    readonly exitCode: ExitCode;
    readonly kept: PrunePlan['kept'];
  },
): ExitCode {
  if (json !== true) {
    return exitCode;
  }
  const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
  const batches = removed.map(({ endedAt, results, ...rest }) => ({
    ...rest,
    endedAt: endedAt === 0 ? null : new Date(endedAt).toISOString(),
    results: results[0]?.store.location ?? null,
    resultsFolders: results.map(({ store }) => store.location),
  }));
  terminal.printJson({ dryRun: dryRun === true, batches, bytes, kept });
  return exitCode;
}

/** @param nowMs epoch milliseconds @param width in columns */
function pruneTable(candidates: readonly Candidate[], nowMs: number, width: number): string[] {
  return textTable(
    [
      { title: 'batch' },
      { title: 'state' },
      { title: 'ended', align: 'right' },
      { title: 'fetches', align: 'right' },
      { title: 'size', align: 'right' },
      { title: 'results' },
    ],
    candidates.map(({ batch, state, endedAt, fetches, bytes, results }) => [
      batch,
      state,
      endedAt === 0 ? '–' : `${formatDuration(Math.max(0, nowMs - endedAt))} ago`,
      fetches === 0 ? '–' : formatCount(fetches),
      results.length === 0 ? '–' : formatBytes(bytes),
      results.length === 0 ? 'not on this machine' : namesOf(results),
    ]),
    width,
  );
}

/** `3 batches, 1.2 GB of results`; the id of a single one. */
function summaryOf(candidates: readonly Candidate[]): string {
  const bytes = candidates.reduce((sum, one) => sum + one.bytes, 0);
  const [one] = candidates;
  const what =
    candidates.length === 1 && one !== undefined
      ? one.batch
      : `${formatCount(candidates.length)} batches`;
  return `${what}, ${formatBytes(bytes)} of results`;
}
