import type { Span } from '../core/terminal.ts';
import { formatCount } from '../report/units.ts';
import { fitCell, line, type Paint, widthOf } from './styled-text.ts';

const GAP = 2;

/** A column of a table that fits its area. */
export interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Width to which the column can be cut. @default not at all */
  readonly minWidth?: number;
  /** Columns with the lowest value are dropped first if the area is too narrow. */
  readonly importance: number;
}

export interface TableInput {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Span[])[];
}

/** The part of the screen for a table. */
export interface Area {
  readonly width: number;
  /** Lines, including the titles. */
  readonly height: number;
}

/** Titles, the rows that fit and a line with the number of other rows. */
export function table({ columns, rows }: TableInput, area: Area, paint: Paint): string[] {
  if (area.height < 2) {
    return [];
  }
  const fits = rows.length < area.height;
  const shown = fits ? rows : rows.slice(0, area.height - 2);
  const layout = layOut(columns, shown, area.width);
  const titles = columns.map(({ title }): Span => ['dim', title]);
  const lines = [titles, ...shown].map((row) =>
    line(layout.flatMap(cellOf(row)), area.width, paint),
  );
  const hidden = rows.length - shown.length;
  if (hidden > 0) {
    lines.push(line([['dim', `… and ${formatCount(hidden)} more`]], area.width, paint));
  }
  return lines;
}

interface Placed {
  readonly at: number;
  readonly column: Column;
  readonly width: number;
  readonly isLast: boolean;
}

function cellOf(row: readonly Span[]) {
  return ({ at, column, width, isLast }: Placed): Span[] => {
    const cell = fitCell(row[at] ?? '', width);
    const padding = ' '.repeat(Math.max(0, width - widthOf(cell)));
    const gap = isLast ? '' : ' '.repeat(GAP);
    return column.align === 'right' ? [padding, ...cell, gap] : [...cell, padding, gap];
  };
}

/**
 * Column widths. Drops the least important columns until the others can be cut to fit, then cuts
 * the last columns first.
 */
function layOut(
  columns: readonly Column[],
  rows: readonly (readonly Span[])[],
  width: number,
): Placed[] {
  let left = columns.flatMap((column, at) => {
    const cells = rows.map((row) => widthOf([row[at] ?? '']));
    const widest = Math.max(0, ...cells);
    // An empty column is left out.
    return widest === 0 && at > 0
      ? []
      : [{ at, column, width: Math.max(column.title.length, widest) }];
  });
  const excess = (): number =>
    left.reduce((sum, one) => sum + one.width, (left.length - 1) * GAP) - width;
  const slack = (): number =>
    left.reduce((sum, one) => sum + Math.max(0, one.width - (one.column.minWidth ?? one.width)), 0);
  while (left.length > 1 && excess() > slack()) {
    const least = Math.min(...left.map(({ column }) => column.importance));
    left = left.filter(({ column }) => column.importance !== least);
  }
  for (const one of left.toReversed()) {
    const spare = Math.max(0, one.width - (one.column.minWidth ?? one.width));
    one.width -= Math.max(0, Math.min(spare, excess()));
  }
  return left.map((one, index) => ({ ...one, isLast: index === left.length - 1 }));
}
