import { printable } from '@fetchfleet/crawl';
import type { Terminal } from '../core/terminal.ts';
import { shorten } from './units.ts';

const GAP = '  ';
/** No column is cut to less. */
const MIN_WIDTH = 12;

interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Left out if the table is too wide; the rightmost column first. @default false */
  readonly isOptional?: boolean;
}

/**
 * The lines of a table of aligned columns with a header. If it is too wide, it loses optional
 * columns; then its widest columns are cut.
 *
 * @param width in columns of the screen. @default unlimited
 */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Infinity,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printable))];
  const measured = columns.map((column, at) => ({
    ...column,
    at,
    width: Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  }));
  const fitted = fit(measured, width);
  return lines.map((line) =>
    fitted
      .map((column) => {
        const cell = shorten(line[column.at] ?? '', column.width);
        return column.align === 'right' ? cell.padStart(column.width) : cell.padEnd(column.width);
      })
      .join(GAP)
      .trimEnd(),
  );
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
  const widest = Math.max(...columns.map((column) => widthToCut(column)));
  if (widest <= MIN_WIDTH) {
    return columns;
  }
  // One of the widest at a time, the last first, down to the width of the next ones.
  const cut = columns.findLastIndex((column) => widthToCut(column) === widest);
  const next = Math.max(MIN_WIDTH, ...columns.map(widthToCut).filter((one) => one < widest));
  const others = columns.filter((column) => widthToCut(column) === widest).length;
  const step = Math.max(1, Math.min(widest - next, Math.floor(excess / others)));
  return fit(
    columns.map((column, at) => (at === cut ? { ...column, width: column.width - step } : column)),
    width,
  );
}

/** Numbers are never cut. */
function widthToCut({ align, width }: MeasuredColumn): number {
  return align === 'right' ? 0 : width;
}

function totalWidth(columns: readonly MeasuredColumn[]): number {
  return columns.reduce((sum, column) => sum + column.width, (columns.length - 1) * GAP.length);
}

/** The width for tables on stdout: that of the terminal; unlimited for files and pipes. */
export function outputWidth({ stdout }: Pick<Terminal, 'stdout'>): number {
  // A terminal that does not know its width reports 0.
  return stdout.isTTY === true ? stdout.columns || 80 : Infinity;
}

/** The same for what people read on stderr. */
export function messageWidth({ stderr }: Pick<Terminal, 'stderr'>): number {
  return outputWidth({ stdout: stderr });
}
