import { fit, line, type Paint, type Span, widthOf } from './text.ts';
import { formatCount } from '../report/units.ts';

const GAP = 2;

/** A column of a table that makes do with the room there is. */
export interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** To how many columns of the screen it may be cut. @default not at all */
  readonly min?: number;
  /** The lowest one is left out first where the room does not suffice. */
  readonly rank: number;
}

export interface TableInput {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Span[])[];
  /** More rows that are not even in `rows`; counted with those that do not fit. @default 0 */
  readonly more?: number;
}

export interface Room {
  readonly width: number;
  /** Lines, that of the titles included. */
  readonly height: number;
}

/** Titles, rows, and a line that counts the rows for which there is no room. */
export function table({ columns, rows, more = 0 }: TableInput, room: Room, paint: Paint): string[] {
  if (room.height < 2) return [];
  const fits = more === 0 && rows.length < room.height;
  const shown = fits ? rows : rows.slice(0, room.height - 2);
  const layout = layOut(columns, shown, room.width);
  const titles = columns.map(({ title }): Span => ['dim', title]);
  const lines = [titles, ...shown].map((row) =>
    line(layout.flatMap(cellOf(row)), room.width, paint),
  );
  const hidden = rows.length - shown.length + more;
  if (hidden > 0) {
    lines.push(line([['dim', `… and ${formatCount(hidden)} more`]], room.width, paint));
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
    const cell = fit([row[at] ?? ''], width);
    const padding = ' '.repeat(Math.max(0, width - widthOf(cell)));
    const gap = isLast ? '' : ' '.repeat(GAP);
    return column.align === 'right' ? [padding, ...cell, gap] : [...cell, padding, gap];
  };
}

/** Cuts columns that may be cut, the last first; where that is not enough, leaves the least important out. */
function layOut(
  columns: readonly Column[],
  rows: readonly (readonly Span[])[],
  width: number,
): Placed[] {
  let left = columns.flatMap((column, at) => {
    const cells = rows.map((row) => widthOf([row[at] ?? '']));
    const widest = Math.max(0, ...cells);
    // A column in which nothing stands takes none of the room.
    return widest === 0 && at > 0
      ? []
      : [{ at, column, width: Math.max(column.title.length, widest) }];
  });
  const excess = (): number =>
    left.reduce((sum, one) => sum + one.width, (left.length - 1) * GAP) - width;
  const slack = (): number =>
    left.reduce((sum, one) => sum + Math.max(0, one.width - (one.column.min ?? one.width)), 0);
  while (left.length > 1 && excess() > slack()) {
    const least = Math.min(...left.map(({ column }) => column.rank));
    left = left.filter(({ column }) => column.rank !== least);
  }
  for (const one of left.toReversed()) {
    const spare = Math.max(0, one.width - (one.column.min ?? one.width));
    one.width -= Math.max(0, Math.min(spare, excess()));
  }
  return left.map((one, index) => ({ ...one, isLast: index === left.length - 1 }));
}
