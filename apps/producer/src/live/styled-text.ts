import { printable } from '@fetchfleet/crawl';
import type { Span, Style } from '../core/terminal.ts';
import { shorten } from '../report/units.ts';

export type Paint = (style: Style, text: string) => string;

const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

function textOf(span: Span): string {
  return printable(typeof span === 'string' ? span : span[1]);
}

/** Width in columns. Counts characters: ids, origins, hosts and our own text have no wide ones. */
export function widthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + textOf(span).length, 0);
}

/** Cuts the text to a width in columns. An ellipsis marks the cut. */
export function fit(spans: readonly Span[], width: number): Span[] {
  if (widthOf(spans) <= width) {
    return [...spans];
  }
  const fitted: Span[] = [];
  let columnsLeft = Math.max(0, width - 1);
  for (const span of spans) {
    const kept = textOf(span).slice(0, columnsLeft).toWellFormed();
    columnsLeft -= kept.length;
    if (kept !== '') {
      fitted.push(typeof span === 'string' ? kept : [span[0], kept]);
    }
  }
  return width > 0 ? [...fitted, '…'] : [];
}

/** The same for one cell: a URL or an id is cut in the middle. */
export function fitCell(span: Span, width: number): Span[] {
  const text = shorten(textOf(span), width);
  return [typeof span === 'string' ? text : [span[0], text]];
}

/** Paints one line of the screen, cut to a width in columns. */
export function line(spans: readonly Span[], width: number, paint: Paint): string {
  return fit(spans, width)
    .map((span) => (typeof span === 'string' ? textOf(span) : paint(span[0], textOf(span))))
    .join('')
    .trimEnd();
}

/** Text at the left and right edge. Drops the right one if both do not fit. */
export function justified(left: readonly Span[], right: readonly Span[], width: number): Span[] {
  const gap = width - widthOf(left) - widthOf(right);
  return gap < 2 ? [...left] : [...left, ' '.repeat(gap), ...right];
}

/** `━━━━━─────` @param share 0 to 1 @param width columns */
export function bar(share: number, width: number): Span[] {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * Math.max(0, width));
  return [
    ['cyan', '━'.repeat(full)],
    ['dim', '─'.repeat(Math.max(0, width - full))],
  ];
}

/** `▁▃▅█`: scaled so that the highest value is a full block. */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values, 0);
  return values
    .map((value) => {
      const level = highest > 0 ? Math.ceil((value / highest) * LEVELS.length) - 1 : 0;
      return LEVELS[Math.max(0, level)] ?? ' ';
    })
    .join('');
}
