/** `12,345` */
export function formatCount(value: number): string {
  return grouped(String(Math.round(value)));
}

/** `1 fetch`, `12,345 fetches`. @param what the singular of a word with a regular plural */
export function countOf(value: number, what: string): string {
  const plural = what.endsWith('ch') ? `${what}es` : `${what}s`;
  return `${formatCount(value)} ${value === 1 ? what : plural}`;
}

/** `24%`. Rounded down, so only a complete batch shows 100%. An empty one is complete. */
export function formatPercent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((part / whole) * 100)}%`;
}

/** `0.25/s`, `9.5/s`, `178/s`, `12,300/s` */
export function formatRate(perSecond: number): string {
  const digits = perSecond >= 100 ? 0 : perSecond >= 1 ? 1 : 2;
  const [whole = '', fraction = ''] = perSecond.toFixed(digits).split('.');
  const rest = fraction.replace(/0+$/u, '');
  return `${grouped(whole)}${rest === '' ? '' : `.${rest}`}/s`;
}

/** A comma before each three digits. `Intl` takes tens of milliseconds when it is first asked. */
function grouped(digits: string): string {
  return digits.replaceAll(/\B(?=(?:\d{3})+$)/gu, ',');
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The two largest units: `820 ms`, `1.4 s`, `35 s`, `2 min 5 s`, `1 h 3 min`, `2 d 3 h`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 9_950) {
    return `${(ms / 1_000).toFixed(1)} s`;
  }
  if (ms < 59_500) {
    return `${Math.round(ms / 1_000)} s`;
  }
  if (ms < HOUR_MS - 500) {
    return twoUnits(ms, [MINUTE_MS, 'min'], [1_000, 's']);
  }
  if (ms < DAY_MS - 30_000) {
    return twoUnits(ms, [HOUR_MS, 'h'], [MINUTE_MS, 'min']);
  }
  return twoUnits(ms, [DAY_MS, 'd'], [HOUR_MS, 'h']);
}

function twoUnits(ms: number, big: [number, string], small: [number, string]): string {
  const rounded = Math.round(ms / small[0]) * small[0];
  const whole = Math.floor(rounded / big[0]);
  const rest = Math.round((rounded % big[0]) / small[0]);
  return rest === 0 ? `${whole} ${big[1]}` : `${whole} ${big[1]} ${rest} ${small[1]}`;
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units: `512 B`, `1.2 kB`, `304 kB`, `2.5 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/u, '')} ${BYTE_UNITS[unit] ?? ''}`;
}
