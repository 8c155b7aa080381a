import type { Spread } from './statistics.ts';

const MEBIBYTE = 1024 ** 2;

/** Formats a number with its significant digits. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString('en-US', options);
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** @param digits behind the point. @default 1 */
export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}

export function mebibytes(bytes: number): string {
  return count(bytes / MEBIBYTE);
}

/** Two cells: the median and the range. */
export function spreadCells(
  spread: Spread | undefined,
  format: (value: number) => string = figure,
): [string, string] {
  if (spread === undefined) {
    return ['', ''];
  }
  const { median, low, high } = spread;
  return [format(median), `${format(low)} – ${format(high)}`];
}

export function medianCell(
  spread: Spread | undefined,
  format: (value: number) => string = figure,
): string {
  return spreadCells(spread, format)[0];
}
