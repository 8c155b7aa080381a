import type { ReadOptions, RowsSummary } from '@fetchfleet/results';
import { explainResults } from '../../batch/explain-results.ts';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { outputLocation, type Write, writeOutputFile } from '../../core/output-file.ts';
import { readPlaces, readUmask } from '../../core/settings.ts';
import { warnOfMissingBodies } from '../../report/missing-bodies.ts';
import { warnOfSkippedParts } from '../../report/skipped-parts.ts';
import { countOf, formatCount } from '../../report/units.ts';
import { withBatch } from '../../results/check-out.ts';
import { openPlaces } from '../../results/open-place.ts';
import {
  type ExportOptions,
  type GivenExportOptions,
  readChoice,
  type RowChoice,
  withFormat,
} from './options.ts';
import { DEFAULT_TABLE, writeToDatabase } from './to-database.ts';
import { writeRecords } from './write-records.ts';

/** `fetchfleet export BATCH`: writes one record per fetch, in index order. Needs no Redis. */
export async function exportRecords(
  batch: string,
  given: GivenExportOptions,
  context: Context,
): Promise<ExitCode> {
  const options = withFormat(given);
  const choice = readChoice(options, context);
  const places = await openPlaces(readPlaces(options.results, context), context);
  process.umask(readUmask(options, context));
  try {
    const unchanged = options.changed === true ? 'leave-out' : 'fill';
    const source = { places, batch, needsBodies: unchanged === 'fill' };
    return await withBatch(source, context, async (dir) => {
      const read = { dir, batch, unchanged } as const;
      const invocation = { read, options, choice, context };
      return options.to === undefined
        ? exportToFile(invocation)
        : exportToDatabase(options.to, invocation);
    });
  } catch (error) {
    throw await explainResults(error, batch, places);
  }
}

interface Invocation {
  readonly read: Pick<ReadOptions, 'batch' | 'unchanged'> & { readonly dir: readonly string[] };
  readonly options: ExportOptions;
  readonly choice: RowChoice | undefined;
  readonly context: Context;
}

/** What summaries leave out where no record refers to another batch. */
const NONE = { unchanged: 0, missingBodies: [] };

async function exportToFile({ read, options, choice, context }: Invocation): Promise<ExitCode> {
  const { terminal } = context;
  const { output, format, csvSafe: isCsvSafe = false } = options;
  const write: Write<RowsSummary> = async (out, signal) =>
    writeRecords({ ...read, ...(signal !== undefined && { signal }) }, out, {
      format,
      isCsvSafe,
      choice,
    });
  const summary =
    output === '-' ? await write(terminal.stdout) : await writeOutputFile(output, write, context);
  if (options.json === true) {
    const file = outputLocation(output, context);
    terminal.printJson({ batch: read.batch, format, file, ...NONE, ...summary });
  }
  if (output !== '-') {
    terminal.note(`Wrote ${describeWritten(summary, options)} to ${output}`);
  }
  return conclude(summary, options, context);
}

async function exportToDatabase(
  url: string,
  { read, options, choice, context }: Invocation,
): Promise<ExitCode> {
  const { terminal } = context;
  const { table = DEFAULT_TABLE } = options;
  const signal = context.interrupts.takeOver().drain;
  const summary = await writeToDatabase(
    { ...read, signal },
    { url, table, env: context.env },
    choice,
  );
  const { database, inserted, updated, written } = summary;
  if (options.json === true) {
    terminal.printJson({ batch: read.batch, format: 'postgres', table, ...NONE, ...summary });
  }
  const same = written - inserted - updated;
  terminal.note(
    `Wrote ${countOf(written, 'record')} to table ${table} of ${database}: ` +
      `${formatCount(inserted)} new, ${formatCount(updated)} better than before, ` +
      `${formatCount(same)} unchanged`,
  );
  return conclude(summary, options, context);
}

/** Reports what is missing. @returns exit 1 if records are missing, or may be */
function conclude(summary: RowsSummary, options: ExportOptions, { terminal }: Context): ExitCode {
  const { missing, skippedLines, skippedParts, withoutList, unchanged = 0 } = summary;
  if (options.changed === true && unchanged > 0) {
    terminal.note(`Left out ${countOf(unchanged, 'unchanged record')}`);
  }
  if (withoutList > 0) {
    const records = withoutList === 1 ? '1 record has' : `${formatCount(withoutList)} records have`;
    terminal.note(`${records} no list at ${options.explode}, and so no rows`);
  }
  if (skippedLines > 0) {
    const lines =
      skippedLines === 1 ? '1 incomplete line' : `${formatCount(skippedLines)} incomplete lines`;
    terminal.warn(`skipped ${lines} in the parts`);
  }
  warnOfSkippedParts(skippedParts, terminal);
  const hasBodies = warnOfMissingBodies(summary, terminal);
  if (missing > 0) {
    terminal.warn(`no record is here yet of ${countOf(missing, 'fetch')} of the batch`);
  }
  return missing > 0 || skippedParts.length > 0 || !hasBodies ? EXIT.someFailed : EXIT.ok;
}

function describeWritten({ written, rows }: RowsSummary, { explode }: ExportOptions): string {
  return explode === undefined
    ? countOf(written, 'record')
    : `${countOf(rows, 'row')} of ${countOf(written, 'record')}`;
}
