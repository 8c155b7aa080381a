type Headers = Readonly<Record<string, string>>;

/** From here on a reset is no delay (that would be 31 years) but a moment: epoch seconds. */
const FIRST_EPOCH_SECONDS = 1e9;
/** From here on it is epoch milliseconds; as seconds it would be the year 5138. */
const FIRST_EPOCH_MS = 1e11;

const NUMBER = /^\d+(?:\.\d+)?$/;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/** Pairs of the same meaning: the drafts up to 05 and GitLab, GitHub and most others, Twitter. */
const PAIRS = [
  ['ratelimit-remaining', 'ratelimit-reset'],
  ['x-ratelimit-remaining', 'x-ratelimit-reset'],
  ['x-rate-limit-remaining', 'x-rate-limit-reset'],
] as const;

/** Whether there may be a reset at all. On every response, so it does nothing but look. */
export function hasRateLimit(headers: Headers): boolean {
  return (
    headers['ratelimit'] !== undefined ||
    PAIRS.some(([remaining, reset]) => (headers[reset] ?? headers[remaining]) !== undefined)
  );
}

export interface ResetOptions {
  /** Epoch milliseconds by the origin's own clock. */
  readonly now: number;
  /** How long the response had lain in a cache before it came, in milliseconds. */
  readonly ageMs: number;
  /** Where the number of requests left is not told, whether none are. A 429 says so. */
  readonly isRefused: boolean;
}

/**
 * Milliseconds until an origin that allows no more requests allows some again; 0 if it still allows
 * some, or does not say when. The longest of all windows it tells.
 *
 * The number of a reset is read by its magnitude, because names do not tell what is meant: below
 * 1e9 it is seconds from now, below 1e11 epoch seconds, above that epoch milliseconds.
 */
export function resetMs(headers: Headers, options: ResetOptions): number {
  const structured = headers['ratelimit'];
  const resets = structured === undefined ? [] : structuredResets(structured, options);
  for (const [remaining, reset] of PAIRS) {
    resets.push(untilReset(headers[remaining], headers[reset], options));
  }
  return Math.max(0, ...resets);
}

/** `"default";r=0;t=30, "daily";r=9;t=3600` and, as drafts 06 and 07 had it, `limit=100, remaining=0, reset=30`. */
function structuredResets(value: string, options: ResetOptions): number[] {
  // A policy's name may hold anything, separators too.
  const items = value
    .replaceAll(QUOTED, '')
    .split(',')
    .map((item) => Object.fromEntries(item.split(';').map(toParameter)));
  const resets = items.map(({ r, t }) => untilReset(r, t, options));
  const { remaining, reset }: Headers = Object.assign({}, ...items);
  return [...resets, untilReset(remaining, reset, options)];
}

function toParameter(text: string): [string, string] {
  const [name = '', value = ''] = text.split('=', 2);
  return [name.trim().toLowerCase(), value.trim()];
}

function untilReset(
  remaining: string | undefined,
  reset: string | undefined,
  { now, ageMs, isRefused }: ResetOptions,
): number {
  const isExhausted = remaining === undefined ? isRefused : parseNumber(remaining) === 0;
  const at = isExhausted && reset !== undefined ? parseNumber(reset) : undefined;
  if (at === undefined) return 0;
  if (at < FIRST_EPOCH_SECONDS) return at * 1000 - ageMs;
  return (at < FIRST_EPOCH_MS ? at * 1000 : at) - now;
}

function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return NUMBER.test(trimmed) ? Number(trimmed) : undefined;
}
