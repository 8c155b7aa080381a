import { resolve } from 'node:path';
import { exportBatch, type ExportSummary } from '@fetchfleet/results';
import { explainResults } from '../batch/explain-results.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import { type Write, writeOutputFile } from '../core/output-file.ts';
import { readResultsFolders, readUmask } from '../core/settings.ts';
import { warnOfSkippedParts } from '../report/skipped-parts.ts';
import { formatCount } from '../report/units.ts';

export interface ExportOptions {
  readonly format: 'ndjson' | 'csv';
  /** A file; `-` is stdout. */
  readonly output: string;
  readonly results?: readonly string[];
  readonly umask?: string;
  /** No cell is a formula for a spreadsheet. */
  readonly csvSafe?: boolean;
  readonly json?: boolean;
}

/** `fetchfleet export BATCH`: writes one record per fetch, in index order. Needs no Redis. */
export async function exportRecords(
  batch: string,
  options: ExportOptions,
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  const { output } = options;
  if (options.json === true && output === '-') {
    throw new CommandError('--json and the records cannot share stdout: name a file with -o FILE', {
      code: 'OUTPUT_AMBIGUOUS',
    });
  }
  if (options.csvSafe === true && options.format !== 'csv') {
    throw new CommandError('--csv-safe is about CSV: add --format csv', { code: 'INPUT_INVALID' });
  }
  const dirs = readResultsFolders(options.results, context);
  process.umask(readUmask(options, context));
  const write: Write<ExportSummary> = async (out, signal) =>
    exportBatch({
      dir: dirs,
      batch,
      format: options.format,
      isCsvSafe: options.csvSafe === true,
      out,
      reuseChunks: true,
      ...(signal !== undefined && { signal }),
    });
  let summary: ExportSummary;
  try {
    summary =
      output === '-' ? await write(terminal.stdout) : await writeOutputFile(output, write, context);
  } catch (error) {
    throw await explainResults(error, batch, dirs);
  }
  if (options.json === true) {
    const { format } = options;
    terminal.printJson({ batch, format, file: resolve(context.cwd, output), ...summary });
  }
  return conclude(summary, { output, context });
}

/** Reports what was written. @returns exit 1 if records are missing, or may be */
function conclude(
  { written, missing, skippedLines, skippedParts }: ExportSummary,
  { output, context }: { readonly output: string; readonly context: Context },
): ExitCode {
  const { terminal } = context;
  if (output !== '-') {
    terminal.note(`Wrote ${formatCount(written)} records to ${output}`);
  }
  if (skippedLines > 0) {
    const lines =
      skippedLines === 1 ? '1 incomplete line' : `${formatCount(skippedLines)} incomplete lines`;
    terminal.warn(`skipped ${lines} in the parts`);
  }
  warnOfSkippedParts(skippedParts, terminal);
  if (missing > 0) {
    terminal.warn(`${formatCount(missing)} fetches of the batch have no record here yet`);
  }
  return missing > 0 || skippedParts.length > 0 ? EXIT.someFailed : EXIT.ok;
}
