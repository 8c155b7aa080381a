import type { Rate } from './plan.ts';

const RATE_UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000 } as const;
const SIZE_BYTES = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
} as const;

/** `64KiB`, `1MB`, `512B`; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, SIZE_BYTES);
}

/** `20/s`, `100/m`, `1000/h`; undefined for anything else. */
export function parseRate(text: string): Rate | undefined {
  const [, count, unit] = /^([1-9]\d{0,8})\/([smh])$/.exec(text) ?? [];
  const perMs = Object.entries(RATE_UNIT_MS).find(([name]) => name === unit)?.[1];
  return count === undefined || perMs === undefined ? undefined : { count: Number(count), perMs };
}

/** A number and a unit, multiplied and rounded; undefined where the unit is not one of `units`. */
export function parseQuantity(
  text: string,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(text) ?? [];
  const size = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return amount === undefined || size === undefined ? undefined : Math.round(Number(amount) * size);
}
