import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchStatus } from '@fetchfleet/fleet';
import { type FailureGroup, findFailures } from '@fetchfleet/results';
import { readLimit } from '../batch/batch-filters.ts';
import { CommandError, EXIT, type ExitCode, Problems } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import { findBatch } from '../batch/find-batch.ts';
import { withFleet } from '../session/fleet-session.ts';
import { readResultsFolder } from '../core/settings.ts';
import { formatCount, truncate } from '../report/units.ts';

const EXAMPLE_WIDTH = 160;

export interface FailuresOptions {
  readonly json?: boolean;
  readonly limit: string;
  readonly results?: string;
}

/** `fetchfleet failures BATCH`: what failed, by origin and reason, from the records. */
export async function failures(
  batch: string,
  options: FailuresOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const limit = readLimit(options.limit, problems);
  problems.throwIfAny('nothing was looked up');
  return withFleet(context, 'find', async (session) => {
    const status = await findBatch(session.ledger, batch);
    const dir = await resultsOf(status, options, context);
    const groups = status.failed === 0 ? [] : await read(status, dir, context);
    tell({ status, groups, limit, isJson: options.json === true }, context);
    return EXIT.ok;
  });
}

/** The folder that was named; else the one that a worker told, if it is on this machine; else the default. */
async function resultsOf(
  { batch, results }: BatchStatus,
  options: FailuresOptions,
  context: Context,
): Promise<string> {
  const own = readResultsFolder(options.results, context);
  if (options.results !== undefined || results === undefined) return own;
  const isHere = await access(join(results, batch)).then(
    () => true,
    () => false,
  );
  return isHere ? results : own;
}

async function read(status: BatchStatus, dir: string, context: Context): Promise<FailureGroup[]> {
  const { drain: signal } = context.interrupts.takeOver();
  const { batch, total } = status;
  try {
    return await findFailures({ dir, batch, total, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(status, dir, error);
  }
}

function unreadable({ batch, results, failed }: BatchStatus, dir: string, cause: unknown) {
  const where = results === undefined ? '' : `; workers wrote them to ${results} on their machine`;
  return new CommandError(
    `${formatCount(failed)} fetches of ${batch} failed, but its results cannot be read in ${dir}${where}: name the folder with --results DIR`,
    { code: 'RESULTS_UNREADABLE', cause },
  );
}

interface Findings {
  readonly status: BatchStatus;
  readonly groups: readonly FailureGroup[];
  readonly limit: number;
  readonly isJson: boolean;
}

function tell({ status, groups, limit, isJson }: Findings, { terminal }: Context): void {
  const found = groups.reduce((sum, { count }) => sum + count, 0);
  const shown = groups.slice(0, limit);
  const more = groups.length - shown.length;
  if (isJson) {
    const { batch, failed } = status;
    terminal.printJson({ batch, failed, found, groups: shown, more });
  } else if (groups.length > 0) {
    terminal.print(failuresText(shown));
    if (more > 0) terminal.note(`${formatCount(more)} more groups; show them with --limit`);
  } else if (status.failed === 0) {
    terminal.note(`Nothing of ${status.batch} has failed`);
  }
  if (found === status.failed) return;
  const why = found > status.failed ? 'they are being fetched again' : 'the others lie elsewhere';
  terminal.warn(
    `the ledger counts ${formatCount(status.failed)} failures, the records here ${formatCount(found)}: ${why}`,
  );
}

/** Two lines for each group: count, origin and reason; an example. */
function failuresText(groups: readonly FailureGroup[]): string {
  const width = Math.max(...groups.map(({ count }) => formatCount(count).length));
  return groups
    .map(({ count, origin, outcome, reason, example }) => {
      const head = `${formatCount(count).padStart(width)}  ${origin}  ${outcome}  ${reason}`;
      if (example === undefined) return head;
      const said = example.message === undefined ? '' : ` (${example.message})`;
      const text = truncate(`e.g. #${example.index} ${example.url}${said}`, EXAMPLE_WIDTH);
      return `${head}\n${' '.repeat(width)}  ${text}`;
    })
    .join('\n');
}
