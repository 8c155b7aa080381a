import type { BatchStatus } from '@fetchfleet/fleet';
import {
  type FailureGroup,
  type Failures,
  findFailures,
  ResultsNotFoundError,
} from '@fetchfleet/results';
import { readLimit } from '../batch/batch-filters.ts';
import { findBatch } from '../batch/find-batch.ts';
import { resultsOf } from '../batch/results-of.ts';
import { CommandError, EXIT, type ExitCode, Problems } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import { warnOfSkippedParts } from '../report/skipped-parts.ts';
import { outputWidth } from '../report/text-table.ts';
import { formatCount, shorten, truncate } from '../report/units.ts';
import { withFleet } from '../session/fleet-session.ts';

export interface FailuresOptions {
  readonly json?: boolean;
  readonly limit: string;
  readonly results?: readonly string[];
}

/** `fetchfleet failures BATCH`: failed fetches by origin and reason, read from the records. */
export async function failures(
  batch: string,
  options: FailuresOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const limit = readLimit(options.limit, problems);
  problems.throwIfAny('nothing was looked up');
  return withFleet(context, { find: batch }, async (session) => {
    const status = await findBatch(session.ledger, batch);
    const dirs = await resultsOf(status, options.results, context);
    const { groups, skippedParts } = await read(status, dirs, context);
    const isJson = options.json === true;
    warnOfSkippedParts(skippedParts, context.terminal);
    printFindings({ status, groups, skippedParts, limit, isJson }, context);
    return skippedParts.length > 0 ? EXIT.someFailed : EXIT.ok;
  });
}

async function read(
  status: BatchStatus,
  dirs: readonly string[],
  context: Context,
): Promise<Failures> {
  const { batch, total, failed } = status;
  if (failed === 0) {
    return { groups: [], skippedParts: [] };
  }
  const { drain: signal } = context.interrupts.takeOver();
  try {
    return await findFailures({ dir: dirs, batch, total, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ResultsNotFoundError ? notFound(status, dirs, error) : error;
  }
}

function notFound(
  { batch, resultsFolders, failed }: BatchStatus,
  dirs: readonly string[],
  cause: Error,
) {
  const elsewhere =
    resultsFolders.length === 0
      ? ''
      : `; workers wrote them to ${resultsFolders.join(' and ')} on their machines`;
  return new CommandError(
    `${formatCount(failed)} fetches of ${batch} failed, but their records cannot be read in ` +
      `${dirs.join(' and ')}${elsewhere}: name the folder with --results DIR`,
    { code: 'RESULTS_UNREADABLE', cause },
  );
}

interface Findings extends Failures {
  readonly status: BatchStatus;
  readonly limit: number;
  readonly isJson: boolean;
}

function printFindings(findings: Findings, { terminal }: Context): void {
  const { status, groups, skippedParts, limit, isJson } = findings;
  const found = groups.reduce((sum, { count }) => sum + count, 0);
  const shown = groups.slice(0, limit);
  const more = groups.length - shown.length;
  if (isJson) {
    const { batch, failed } = status;
    terminal.printJson({ batch, failed, found, groups: shown, more, skippedParts });
  } else if (groups.length > 0) {
    terminal.print(...failuresText(shown, outputWidth(terminal)));
    if (more > 0) {
      terminal.note(
        `${formatCount(more)} more ${more === 1 ? 'group' : 'groups'}; show more with --limit`,
      );
    }
  } else if (status.failed === 0) {
    terminal.note(`No fetch of ${status.batch} has failed`);
  }
  if (found === status.failed) {
    return;
  }
  const why =
    found > status.failed
      ? 'a retry is fetching them again'
      : 'the other records are in another results folder, or in a part that was skipped';
  terminal.warn(
    `the ledger counts ${formatCount(status.failed)} failures, ` +
      `the records here show ${formatCount(found)}: ${why}`,
  );
}

/**
 * Count, origin and reason of each group, then an example with its message.
 *
 * @param screenWidth of the screen in columns
 */
function failuresText(groups: readonly FailureGroup[], screenWidth: number): string[] {
  const width = Math.max(...groups.map(({ count }) => formatCount(count).length));
  const indent = ' '.repeat(width + 2);
  return groups.flatMap(({ count, origin, outcome, reason, example }) => {
    const head = `${formatCount(count).padStart(width)}  ${origin}  ${outcome}  ${reason}`;
    if (example === undefined) {
      return [head];
    }
    const start = `${indent}e.g. #${example.index} `;
    const lines = [start + shorten(example.url, screenWidth - start.length)];
    const { message = '' } = example;
    if (message !== '' && message !== reason) {
      lines.push(indent + truncate(message, screenWidth - indent.length));
    }
    return [head, ...lines];
  });
}
