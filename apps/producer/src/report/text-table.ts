import type { Terminal } from '../core/terminal.ts';
import { truncate } from './units.ts';

const GAP = '  ';
/** The last column is never cut to less. */
const MIN_LAST_WIDTH = 12;

interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Left out if the table is too wide; the rightmost column first. @default false */
  readonly isOptional?: boolean;
}

/**
 * A table of aligned columns with a header line. If it is too wide, it loses optional columns and
 * then cuts the last one.
 *
 * @param width in columns of the screen. @default unlimited
 */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string {
  const lines = [columns.map(({ title }) => title), ...rows];
  const measured = columns.map((column, at) => ({
    ...column,
    at,
    width: Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  }));
  const fitted = fit(measured, width);
  return lines
    .map((line) =>
      fitted
        .map((column) => {
          const cell = truncate(line[column.at] ?? '', column.width);
          return column.align === 'right' ? cell.padStart(column.width) : cell.padEnd(column.width);
        })
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}

interface MeasuredColumn extends Column {
  /** Position in the rows. */
  readonly at: number;
  readonly width: number;
}

function fit(columns: readonly MeasuredColumn[], width: number): readonly MeasuredColumn[] {
  const excess = totalWidth(columns) - width;
  if (excess <= 0) {
    return columns;
  }
  const dropped = columns.findLastIndex(({ isOptional }) => isOptional === true);
  if (dropped >= 0) {
    return fit(columns.toSpliced(dropped, 1), width);
  }
  return columns.map((column, at) =>
    at < columns.length - 1 || column.width <= MIN_LAST_WIDTH
      ? column
      : { ...column, width: Math.max(MIN_LAST_WIDTH, column.width - excess) },
  );
}

function totalWidth(columns: readonly MeasuredColumn[]): number {
  return columns.reduce((sum, column) => sum + column.width, (columns.length - 1) * GAP.length);
}

/** The width for tables on stdout: that of the terminal; unlimited for files and pipes. */
export function outputWidth({ stdout }: Terminal): number {
  // A terminal that does not know its width reports 0.
  return stdout.isTTY === true && stdout.columns ? stdout.columns : Infinity;
}
