import { isAbsolute } from 'node:path';
import type { BatchStatus } from '@fetchfleet/fleet';
import {
  type FailedRecord,
  type FailureGroup,
  type Failures,
  failuresDocument,
  findFailures,
  reasonOf,
  ResultsNotFoundError,
  streamFailures,
} from '@fetchfleet/results';
import { readLimit } from '../batch/batch-filters.ts';
import {
  type FailureFilter,
  type FilterFlags,
  isChosen,
  isFiltered,
  readFailureFilter,
} from '../failures/failure-filter.ts';
import { findBatch } from '../batch/find-batch.ts';
import { CommandError, EXIT, type ExitCode, Problems } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import type { Terminal } from '../core/terminal.ts';
import { warnOfSkippedParts } from '../report/skipped-parts.ts';
import { outputWidth } from '../report/text-table.ts';
import { countOf, formatCount, shorten, truncate } from '../report/units.ts';
import { withBatch } from '../results/check-out.ts';
import { namesOf, type OpenPlace } from '../results/open-place.ts';
import { resultsOf } from '../results/results-of.ts';
import { withFleet } from '../session/fleet-session.ts';

export interface FailuresOptions extends FilterFlags {
  readonly json?: boolean;
  /** Every failed URL instead of groups. */
  readonly list?: boolean;
  readonly limit?: string;
  readonly results?: readonly string[];
}

const DEFAULT_GROUPS = '20';

/** `fetchfleet failures BATCH`: failed fetches by origin and reason, read from the records. */
export async function failures(
  batch: string,
  options: FailuresOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const { limit: text = options.list === true ? undefined : DEFAULT_GROUPS } = options;
  const limit = text === undefined ? Infinity : readLimit(text, problems);
  const filter = readFailureFilter(options, problems);
  problems.throwIfAny('nothing was looked up');
  return withFleet(context, { find: batch }, async (session) => {
    const status = await findBatch(session.ledger, batch);
    const places = await resultsOf(status, options.results, context);
    const isJson = options.json === true;
    const search = { status, places, filter, limit, isJson };
    if (options.list === true) {
      return listFailures(search, context);
    }
    const { groups, skippedParts } = await read(search, context);
    warnOfSkippedParts(skippedParts, context.terminal);
    printFindings({ ...search, groups, skippedParts }, context);
    return skippedParts.length > 0 ? EXIT.someFailed : EXIT.ok;
  });
}

interface Search {
  readonly status: BatchStatus;
  readonly places: readonly OpenPlace[];
  readonly filter: FailureFilter;
  readonly limit: number;
  readonly isJson: boolean;
}

async function read({ status, places, filter }: Search, context: Context): Promise<Failures> {
  const { batch, total, failed } = status;
  if (failed === 0) {
    return { groups: [], skippedParts: [] };
  }
  const { drain: signal } = context.interrupts.takeOver();
  try {
    const matches = (record: FailedRecord): boolean => isChosen(filter, record);
    const source = { places, batch, needsBodies: false, signal };
    return await withBatch(source, context, async (dir) =>
      findFailures({ dir, batch, total, matches, signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ResultsNotFoundError ? notFound(status, places, error) : error;
  }
}

/** The reader has as many as it wanted. */
class EnoughError extends Error {}

/** `--list`: in the order of the crawl, as they are read. */
async function listFailures(search: Search, context: Context): Promise<ExitCode> {
  const { status, places, filter, limit, isJson } = search;
  const { batch, total, failed } = status;
  const { terminal } = context;
  if (failed === 0) {
    terminal.note(`No fetch of ${batch} has failed`);
    return EXIT.ok;
  }
  const { drain: signal } = context.interrupts.takeOver();
  let shown = 0;
  const onFailure = (record: FailedRecord): void | Promise<void> => {
    if (!isChosen(filter, record)) {
      return undefined;
    }
    if (shown === limit) {
      throw new EnoughError();
    }
    shown += 1;
    return terminal.printNext(isJson ? JSON.stringify(documentOf(record)) : lineOf(record));
  };
  try {
    const source = { places, batch, needsBodies: false, signal };
    const skippedParts = await withBatch(source, context, async (dir) =>
      streamFailures({ dir, batch, total, signal, onFailure }),
    );
    warnOfSkippedParts(skippedParts, terminal);
    warnOfOthers(search, shown, terminal);
    return skippedParts.length > 0 ? EXIT.someFailed : EXIT.ok;
  } catch (error) {
    if (error instanceof EnoughError) {
      terminal.note('There are more; --limit shows more');
      return EXIT.ok;
    }
    signal.throwIfAborted();
    throw error instanceof ResultsNotFoundError ? notFound(status, places, error) : error;
  }
}

function lineOf(record: FailedRecord): string {
  return `#${record.index}  ${record.outcome}  ${reasonOf(record)}  ${record.url}`;
}

function documentOf(record: FailedRecord) {
  const { index, url, outcome, status = null, error } = record;
  const { message = null } = error ?? {};
  return { index, url, outcome, reason: reasonOf(record), status, message };
}

function notFound(
  { batch, resultsFolders, failed }: BatchStatus,
  places: readonly OpenPlace[],
  cause: Error,
) {
  const elsewhere =
    resultsFolders.length === 0
      ? ''
      : `; workers wrote them to ${resultsFolders.join(' and ')}${onMachines(resultsFolders)}`;
  return new CommandError(
    `${countOf(failed, 'fetch')} of ${batch} failed, but their records cannot be read in ` +
      `${namesOf(places)}${elsewhere}: name the place with --results`,
    { code: 'RESULTS_UNREADABLE', cause },
  );
}

/** A folder may be that of another machine. */
function onMachines(locations: readonly string[]): string {
  return locations.some(isAbsolute) ? ' on their machines' : '';
}

interface Findings extends Failures, Search {}

function printFindings(findings: Findings, { terminal }: Context): void {
  const { status, groups, skippedParts, filter, limit, isJson } = findings;
  const found = groups.reduce((sum, { count }) => sum + count, 0);
  const shown = groups.slice(0, limit);
  const more = groups.length - shown.length;
  if (isJson) {
    terminal.printJson(failuresDocument(status, { groups, skippedParts }, limit));
  } else if (groups.length > 0) {
    terminal.print(...failuresText(shown, outputWidth(terminal)));
    if (more > 0) {
      terminal.note(
        `${formatCount(more)} more ${more === 1 ? 'group' : 'groups'}; show more with --limit`,
      );
    }
  } else if (status.failed === 0 || isFiltered(filter)) {
    const which = status.failed === 0 ? '' : ' as was asked for';
    terminal.note(`No fetch of ${status.batch} has failed${which}`);
  }
  warnOfOthers(findings, found, terminal);
}

/** Where the ledger counts other failures than those that were found. */
function warnOfOthers({ status, filter }: Search, found: number, terminal: Terminal): void {
  if (found === status.failed || isFiltered(filter)) {
    return;
  }
  const why =
    found > status.failed
      ? 'a retry is fetching them again'
      : 'the other records are in another results folder, or in a part that was skipped';
  terminal.warn(
    `the ledger counts ${countOf(status.failed, 'failure')}, ` +
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
