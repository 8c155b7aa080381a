import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { go } from '../route/route.ts';
import { useKeys } from '../route/keys.ts';

export interface Column<T> {
  readonly title: string;
  /** Only who does not see the page is told. */
  readonly isTitleHidden?: boolean;
  readonly cell: (row: T) => ComponentChildren;
  readonly align?: 'right';
  /** Hidden where the page is narrow: 1 goes first. Columns without it stay. */
  readonly rank?: 1 | 2 | 3;
}

interface TableProps<T> {
  /** What it lists, for who does not see it. */
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** Where a row leads. */
  readonly href?: (row: T) => string;
  /** The row that is open, and what stands below it. */
  readonly open?: {
    readonly key: string | undefined;
    readonly body: (row: T) => ComponentChildren;
  };
  /** What to say where there are none. */
  readonly empty: ComponentChildren;
}

/** Rows with `j` and `k` to move, Enter to open. */
export function Table<T>(props: TableProps<T>) {
  const { label, columns, rows, keyOf, href, open, empty } = props;
  const [selected, setSelected] = useState<string>();
  /** The same at once: the next key may come before the table is drawn again. */
  const current = useRef<string>(undefined);
  const body = useRef<HTMLTableSectionElement>(null);
  const move = (by: number): void => {
    const at = rows.findIndex((row) => keyOf(row) === current.current);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next !== undefined) {
      const key = keyOf(next);
      current.current = key;
      setSelected(key);
      const row = body.current?.querySelector(`[data-key="${CSS.escape(key)}"]`);
      row?.scrollIntoView({ block: 'nearest' });
      row?.querySelector('a')?.focus({ preventScroll: true });
    }
  };
  useKeys({ j: () => move(1), k: () => move(-1) });
  if (rows.length === 0) {
    return <div class="empty">{empty}</div>;
  }
  return (
    <table aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ title, isTitleHidden, align, rank }) => (
            <th key={title} class={classOf(align, rank)} scope="col">
              {isTitleHidden === true ? <span class="hidden">{title}</span> : title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {rows.map((row) => {
          const key = keyOf(row);
          const target = href?.(row);
          const isOpen = open !== undefined && open.key === key;
          return [
            <tr
              key={key}
              data-key={key}
              class={[
                ...(target === undefined ? [] : ['leads']),
                ...(key === selected ? ['selected'] : []),
              ].join(' ')}
              onClick={(event) => onRowClick(event, target)}
            >
              {columns.map(({ title, cell, align, rank }) => (
                <td key={title} class={classOf(align, rank)}>
                  {cell(row)}
                </td>
              ))}
            </tr>,
            isOpen && (
              <tr key={`${key} open`} class="open">
                <td colSpan={columns.length}>{open.body(row)}</td>
              </tr>
            ),
          ];
        })}
      </tbody>
    </table>
  );
}

/** The whole row leads where its link does; what is in it and can be used comes first. */
function onRowClick(event: MouseEvent, target: string | undefined): void {
  const isUsed =
    event.target instanceof Element && event.target.closest('a, button, select') !== null;
  if (target !== undefined && !isUsed && getSelection()?.toString() === '') {
    go(target);
  }
}

function classOf(align: 'right' | undefined, rank: number | undefined): string | undefined {
  const names = [...(align === undefined ? [] : [align]), ...(rank ? [`rank-${rank}`] : [])];
  return names.length === 0 ? undefined : names.join(' ');
}
