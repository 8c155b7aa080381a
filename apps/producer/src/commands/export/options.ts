import { resolve } from 'node:path';
import { OUTCOMES } from '@fetchfleet/crawl';
import { readOutcomes } from '../../batch/batch-filters.ts';
import type { Context } from '../../core/context.ts';
import { CommandError, Problems } from '../../core/errors.ts';
import { compressedEnding, formatNamed } from '../../core/output-file.ts';

const FORMATS = ['ndjson', 'csv', 'parquet'] as const;
type Format = (typeof FORMATS)[number];

export interface ExportOptions {
  readonly format: Format;
  /** A file; `-` is stdout. */
  readonly output: string;
  readonly results?: readonly string[];
  readonly umask?: string;
  /** No cell is a formula for a spreadsheet. */
  readonly csvSafe?: boolean;
  /** Names with commas between them. */
  readonly fields?: string;
  /** Leave out what is as it was in an earlier batch. */
  readonly changed?: boolean;
  readonly outcome?: readonly string[];
  /** JSONPath. */
  readonly select?: string;
  /** JSONPath. */
  readonly explode?: string;
  /** A folder. */
  readonly bodies?: string;
  /** Names of parameters with commas between them. */
  readonly integers?: string;
  /** Address of a database. It may hold a password. */
  readonly to?: string;
  readonly table?: string;
  readonly json?: boolean;
}

/** As they are given: the name of a file says its format as well. */
export interface GivenExportOptions extends Omit<ExportOptions, 'format'> {
  readonly format?: Format;
}

/** The options with the format of a file that ends in `.csv`, `.csv.gz` …; NDJSON for others. */
export function withFormat(given: GivenExportOptions): ExportOptions {
  return { ...given, format: given.format ?? formatNamed(given.output, FORMATS) ?? 'ndjson' };
}

/** Which rows to write, and what of them. */
export interface RowChoice {
  readonly fields?: readonly string[] | undefined;
  readonly outcomes?: readonly string[] | undefined;
  readonly select?: string | undefined;
  readonly explode?: string | undefined;
  /** Absolute path. */
  readonly bodies?: string | undefined;
  readonly integers?: readonly string[] | undefined;
}

/**
 * Checks the options against each other, and reads those that choose.
 *
 * @returns undefined if all records are written as they are
 * @throws CommandError (exit 2) with every problem
 */
export function readChoice(
  options: ExportOptions,
  { cwd, terminal }: Pick<Context, 'cwd' | 'terminal'>,
): RowChoice | undefined {
  const { output, fields, outcome, select, explode, bodies, integers, to } = options;
  if (options.json === true && output === '-' && to === undefined) {
    throw new CommandError('--json and the records cannot share stdout: name a file with -o FILE', {
      code: 'OUTPUT_AMBIGUOUS',
    });
  }
  const problems = new Problems();
  problems.add(...contradictions(options));
  if (options.format === 'parquet' && output === '-' && terminal.stdout.isTTY === true) {
    problems.add(BINARY);
  }
  const choice: RowChoice = {
    fields: namesOf('--fields', fields, problems),
    outcomes: outcome && readOutcomes(outcome, problems, OUTCOMES),
    select,
    explode,
    bodies: bodies === undefined ? undefined : resolve(cwd, bodies),
    integers: namesOf('--integers', integers, problems),
  };
  problems.throwIfAny('nothing was exported');
  return Object.values(choice).some((one) => one !== undefined) ? choice : undefined;
}

/** Of commands that would write Parquet to a terminal. */
export const BINARY = 'Parquet is not for a terminal: name a file with -o FILE';

function contradictions(options: ExportOptions): string[] {
  const { format, select, explode, bodies } = options;
  const ending = compressedEnding(options.output);
  const found: string[] = [];
  if (options.csvSafe === true && format !== 'csv' && options.to === undefined) {
    found.push('--csv-safe is about CSV: add --format csv');
  }
  if (options.integers !== undefined && format !== 'parquet' && options.to === undefined) {
    found.push('--integers is about Parquet: add --format parquet');
  }
  if (format === 'parquet' && ending !== undefined) {
    found.push(`Parquet is compressed already: name a file that does not end in ${ending}`);
  }
  if (explode !== undefined && select !== undefined) {
    found.push('--explode and --select exclude each other: --explode has a path of its own');
  }
  if (explode !== undefined && bodies !== undefined) {
    found.push('--explode and --bodies exclude each other: items are no bodies');
  }
  return [...found, ...databaseContradictions(options)];
}

/** A table has columns of its own, and no file. */
function databaseContradictions(options: ExportOptions): string[] {
  if (options.to === undefined) {
    return options.table === undefined ? [] : ['--table is about databases: add --to'];
  }
  const given = {
    '--output': options.output !== '-',
    '--format': options.format !== 'ndjson',
    '--csv-safe': options.csvSafe === true,
    '--integers': options.integers !== undefined,
    '--fields': options.fields !== undefined,
    '--explode': options.explode !== undefined,
    '--bodies': options.bodies !== undefined,
  };
  const names = Object.entries(given).flatMap(([name, isGiven]) => (isGiven ? [name] : []));
  return names.map((name) => `--to and ${name} exclude each other: the table has its own columns`);
}

/** The names of an option, with commas between them. */
function namesOf(option: string, text: string | undefined, problems: Problems) {
  const names = text?.split(',').map((name) => name.trim());
  if (names?.includes('') === true) {
    problems.add(`${option}: "${text}" has an empty name; write names with commas between them`);
  }
  return names;
}
