import { relative, resolve } from 'node:path';
import { OUTCOMES } from '@fetchfleet/crawl';
import { type BatchStatus, type Ledger, statusDocument } from '@fetchfleet/fleet';
import { findFailureExamples } from '@fetchfleet/results';
import { type Context, programName } from '../core/context.ts';
import type { RunSettings } from '../core/settings.ts';
import { shellWord } from '../core/shell-word.ts';
import { failureCommands } from '../report/failure-commands.ts';
import { summarize } from '../report/summary.ts';

interface RunReport {
  readonly ledger: Ledger;
  readonly settings: RunSettings;
  readonly isJson: boolean;
  readonly status: BatchStatus;
  /** The batch before this command went on with it; undefined for a new batch. */
  readonly before: BatchStatus | undefined;
  /** When this command started, in epoch milliseconds. */
  readonly startedAt: number;
}

/** Prints what a `run` has done: the document, and the summary for people. */
export async function reportRun(report: RunReport, context: Context): Promise<void> {
  const { ledger, settings, isJson, status, before, startedAt } = report;
  const { terminal, cwd } = context;
  if (isJson) {
    terminal.printJson(statusDocument(status, settings.results));
  }
  if (terminal.isQuiet) {
    return;
  }
  const folder = resolve(settings.results, status.batch);
  const kinds = OUTCOMES.filter((one) => one !== 'ok' && (status.outcomes[one] ?? 0) > 0);
  // Records of fetches that a retry has fetched since are still in the parts.
  const isFailed = status.retries > 0 ? await ledger.failures(status.batch, kinds) : undefined;
  const lines = summarize({
    status,
    elapsedMs: before === undefined ? fetchingMs(status) : Date.now() - startedAt,
    ...(before !== undefined && { before }),
    examples: await findFailureExamples({
      dir: settings.results,
      batch: status.batch,
      outcomes: new Set(kinds),
      ...(isFailed !== undefined && { isFailed }),
    }),
    results: shortest(cwd, folder),
    exportCommand: exportCommand(status, settings, context),
    failureCommands: failureCommands(status.batch, context, resultsFlag(settings, context)),
    width: terminal.stderr.isTTY === true ? terminal.width : Infinity,
  });
  terminal.note('', ...lines);
  if (status.state === 'cancelled') {
    terminal.say(`Continue with: ${programName(context)} resume ${status.batch}`);
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

function shortest(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** From the first claimed slice to the last record, without the time in which processes start. */
function fetchingMs({ startedAt, finishedAt, createdAt }: BatchStatus): number {
  const endMs = finishedAt === undefined ? Date.now() : Date.parse(finishedAt);
  return Math.max(1, endMs - Date.parse(startedAt ?? createdAt));
}
