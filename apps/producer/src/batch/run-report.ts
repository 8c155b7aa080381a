import { join, relative } from 'node:path';
import { type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import { type BatchStatus, type LedgerReader, statusDocument } from '@fetchfleet/fleet';
import { type FailureExample, findFailureExamples } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';
import { type Context, programName } from '../core/context.ts';
import type { RunSettings } from '../core/settings.ts';
import { shellWord } from '../core/shell-word.ts';
import { failureCommands } from '../report/failure-commands.ts';
import { summarize } from '../report/summary.ts';
import { withBatch } from '../results/check-out.ts';
import { openPlace } from '../results/open-place.ts';

/** Examples of failures are worth so much of a copy. */
const MAX_COPIED_BYTES = 16 * 1024 * 1024;

interface RunReport {
  readonly ledger: LedgerReader;
  readonly settings: RunSettings;
  readonly isJson: boolean;
  readonly status: BatchStatus;
  /** The batch before this command went on with it; undefined for a new batch. */
  readonly before: BatchStatus | undefined;
  /** When this command started, as of `performance.now()`. */
  readonly startedAt: number;
}

/** Prints what a `run` has done: the document, and the summary for people. */
export async function reportRun(report: RunReport, context: Context): Promise<void> {
  const { ledger, settings, isJson, status, before, startedAt } = report;
  const { terminal, cwd } = context;
  if (isJson) {
    terminal.printJson(statusDocument(status, settings.results.location));
  }
  if (terminal.isQuiet) {
    return;
  }
  const kinds = OUTCOMES.filter((one) => one !== 'ok' && (status.outcomes[one] ?? 0) > 0);
  // Records of fetches that a retry has fetched since are still in the parts.
  const isFailed = status.retries > 0 ? await ledger.failures(status.batch, kinds) : undefined;
  const lines = summarize({
    status,
    elapsedMs: before === undefined ? fetchingMs(status) : performance.now() - startedAt,
    ...(before !== undefined && { before }),
    examples: await examplesOf(report, { kinds, isFailed }, context),
    results: shortest(cwd, settings.results, status.batch),
    exportCommand: exportCommand(status, settings, context),
    failureCommands: failureCommands(status.batch, context, resultsFlag(settings, context)),
    width: terminal.stderr.isTTY === true ? terminal.width : Infinity,
  });
  terminal.note('', ...lines);
  if (status.state === 'cancelled') {
    terminal.say(`Continue with: ${programName(context)} resume ${status.batch}`);
  }
}

interface Failed {
  readonly kinds: readonly Outcome[];
  readonly isFailed: ((index: number, outcome: Outcome) => boolean) | undefined;
}

/** Not of a batch that would have to be copied for them, unless it is small. */
async function examplesOf(
  { settings: { results, compress }, status: { batch } }: RunReport,
  { kinds, isFailed }: Failed,
  context: Context,
): Promise<ReadonlyMap<Outcome, FailureExample>> {
  if (kinds.length === 0) {
    return new Map();
  }
  try {
    const opened = await openPlace(results, context);
    const isPlain = results.kind === 'folder' && compress === 'none';
    const bytes = isPlain ? 0 : ((await opened.store.measure(batch))?.bytes ?? 0);
    if (bytes > MAX_COPIED_BYTES) {
      return new Map();
    }
    const outcomes = new Set(kinds);
    const source = { places: [opened], batch, needsBodies: false };
    return await withBatch(source, context, async (dir) =>
      findFailureExamples({ dir, batch, outcomes, ...(isFailed !== undefined && { isFailed }) }),
    );
  } catch {
    return new Map(); // the summary is shown without them
  }
}

function exportCommand(status: BatchStatus, settings: RunSettings, context: Context): string {
  const where = resultsFlag(settings, context);
  return `${programName(context)} export ${status.batch}${where} -o ${status.name}.ndjson`;
}

function resultsFlag({ results }: RunSettings, context: Context): string {
  const folder = shortest(context.cwd, results);
  return folder === 'results' ? '' : ` --results ${shellWord(folder)}`;
}

/** As it would be typed here. @param batch its folder. @default the place itself */
function shortest(cwd: string, { kind, location }: Place, batch = ''): string {
  if (kind !== 'folder') {
    return location;
  }
  const path = join(location, batch);
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** From the first claimed slice to the last record, without the time in which processes start. */
function fetchingMs({ startedAt, finishedAt, cancelledAt, createdAt }: BatchStatus): number {
  const endMs = Date.parse(finishedAt ?? cancelledAt ?? createdAt);
  return Math.max(1, endMs - Date.parse(startedAt ?? createdAt));
}
