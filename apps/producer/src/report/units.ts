import { printable } from '@fetchfleet/crawl';
import { formatCount } from '@fetchfleet/crawl/units';

export {
  formatBytes,
  countOf,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
} from '@fetchfleet/crawl/units';

/** `1.4×`, `25×`, `1,200×` */
export function formatRatio(ratio: number): string {
  return `${ratio < 10 ? ratio.toFixed(1).replace(/\.0$/u, '') : formatCount(ratio)}×`;
}

/**
 * Makes text printable and cuts it to a width in characters. An ellipsis marks the cut; line breaks
 * become spaces.
 */
export function truncate(text: string, width: number): string {
  const line = printable(text.replaceAll(/\s+/gu, ' '));
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1)).toWellFormed()}…`;
}

/**
 * The same, but cuts where people look last: a sentence at its end; a URL, a path or an id in the
 * middle, because both of its ends say which one it is.
 */
export function shorten(name: string, width: number): string {
  const text = printable(name);
  if (text.length <= width || text.includes(' ') || width < 3) {
    return truncate(text, width);
  }
  // URLs have a scheme before what tells them apart.
  const end = Math.max(1, Math.floor((width - 1) / 3));
  return `${text.slice(0, width - 1 - end)}…${text.slice(-end)}`.toWellFormed();
}
