import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UnknownBatchError } from '@fetchfleet/fleet';
import { exportBatch, type ExportSummary } from '@fetchfleet/results';
import { CommandError } from '../core/command-error.ts';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { nearest } from '../batch/find-batch.ts';
import { type Write, writeOutputFile } from '../core/output-file.ts';
import { readResultsFolder } from '../core/settings.ts';
import { formatCount } from '../report/units.ts';

export interface ExportOptions {
  readonly format: 'ndjson' | 'csv';
  /** A file; `-` is stdout. @default '-' */
  readonly output?: string;
  readonly results?: string;
  readonly json?: boolean;
}

/** `fetchfleet export BATCH`: one record a fetch, in index order, from the results folder alone. */
export async function exportRecords(
  batch: string,
  options: ExportOptions,
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  const output = options.output ?? '-';
  if (options.json === true && output === '-') {
    throw new CommandError('--json and the records cannot share stdout: name a file with -o FILE', {
      code: 'OUTPUT_AMBIGUOUS',
      exitCode: EXIT.badInput,
    });
  }
  const dir = readResultsFolder(options.results, context);
  const write: Write<ExportSummary> = async (out, signal) =>
    exportBatch({
      dir,
      batch,
      format: options.format,
      out,
      reuseChunks: true,
      ...(signal !== undefined && { signal }),
    });
  let summary: ExportSummary;
  try {
    summary =
      output === '-' ? await write(terminal.stdout) : await writeOutputFile(output, write, context);
  } catch (error) {
    throw await explain(error, batch, dir);
  }
  if (options.json === true) {
    const { format } = options;
    terminal.printJson({ batch, format, file: resolve(context.cwd, output), ...summary });
  }
  return conclude(summary, { output, context });
}

/** An unknown batch gets the nearest folders as a suggestion. */
async function explain(failure: unknown, batch: string, dir: string): Promise<unknown> {
  const code = failure instanceof Error && 'code' in failure ? failure.code : undefined;
  if (code !== 'RESULTS_NOT_FOUND' && code !== 'RESULTS_INVALID_ID') {
    return failure;
  }
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) {
    return new CommandError(`there is no results folder ${dir}; name it with --results DIR`, {
      code: 'RESULTS_MISSING',
      exitCode: EXIT.badInput,
      cause: failure,
    });
  }
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const { message } = new UnknownBatchError(batch, nearest(batch, folders));
  return new CommandError(`${message} (looked in ${join(dir, '')})`, {
    code: 'BATCH_UNKNOWN',
    exitCode: EXIT.badInput,
    cause: failure,
  });
}

function conclude(
  { written, missing, skippedLines }: ExportSummary,
  { output, context }: { readonly output: string; readonly context: Context },
): ExitCode {
  const { terminal } = context;
  if (output !== '-') {
    terminal.note(`Wrote ${formatCount(written)} records to ${output}`);
  }
  if (skippedLines > 0) {
    const what = skippedLines === 1 ? '1 line' : `${formatCount(skippedLines)} lines`;
    terminal.warn(`${what} in the parts are no complete records and were skipped`);
  }
  if (missing === 0) {
    return EXIT.ok;
  }
  terminal.warn(`${formatCount(missing)} fetches of the batch have no record here yet`);
  return EXIT.someFailed;
}
