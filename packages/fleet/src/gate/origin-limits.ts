/** A Redis hash as it was read. */
export type Fields = Readonly<Record<string, string>>;

/** Who said so. `none`: nobody has yet, so there is no limit. */
export type LimitSource = 'set' | 'crawl file' | 'robots.txt' | 'learned' | 'none';

/** What holds for an origin just now. */
export interface EffectiveLimits {
  /** Microseconds between two starts; 0 is unlimited. */
  readonly interval: number;
  readonly intervalSource: LimitSource;
  readonly burst: number;
  readonly concurrency: number | 'unlimited';
  readonly concurrencySource: LimitSource;
}

/** A number that the gate wrote; 0 where it wrote none. */
export function numberOf(fields: Fields, name: string): number {
  return Number(fields[name] ?? 0);
}

/**
 * The limits as the script of the gate finds them: the strictest of all batches; what a person has set comes before; what the
 * origin asks for, or was found to bear, comes on top.
 *
 * @param nowUs epoch microseconds by the clock of Redis
 */
export function effectiveLimits(gate: Fields, settings: Fields, nowUs: number): EffectiveLimits {
  return { ...spacing(gate, settings, nowUs), ...breadth(gate, settings, nowUs) };
}

type Spacing = Pick<EffectiveLimits, 'interval' | 'intervalSource' | 'burst'>;
type Breadth = Pick<EffectiveLimits, 'concurrency' | 'concurrencySource'>;

function spacing(gate: Fields, settings: Fields, nowUs: number): Spacing {
  const batches = batchLimits(gate, nowUs);
  const bursts = batches.filter(({ interval }) => interval > 0).map(({ burst }) => burst);
  const isSet = settings['interval'] !== undefined;
  let interval = isSet
    ? numberOf(settings, 'interval')
    : Math.max(0, ...batches.map((batch) => batch.interval));
  let intervalSource = isSet ? 'set' : sourceOf(batches);
  let burst = Number(settings['burst'] ?? (bursts.length > 0 ? Math.min(...bursts) : 1));
  const learned = numberOf(gate, 'learned');
  const asked = [
    { source: 'robots.txt', atLeast: numberOf(gate, 'crawlDelay') },
    { source: 'learned', atLeast: learned > 0 ? 1e6 / learned : 0 },
  ] as const;
  for (const { source, atLeast } of asked) {
    if (atLeast <= interval) continue;
    interval = atLeast;
    intervalSource = source;
    burst = 1;
  }
  return { interval, intervalSource, burst };
}

function breadth(gate: Fields, settings: Fields, nowUs: number): Breadth {
  const batches = batchLimits(gate, nowUs);
  const isSet = settings['concurrency'] !== undefined;
  const asked = isSet
    ? [numberOf(settings, 'concurrency')]
    : batches.map(({ concurrency }) => concurrency);
  const limit = Math.min(...asked.filter((one) => one > 0));
  const window = Math.floor(numberOf(gate, 'window'));
  if (window > 0 && window < limit) return { concurrency: window, concurrencySource: 'learned' };
  return {
    concurrency: limit === Infinity ? 'unlimited' : limit,
    concurrencySource: isSet ? 'set' : sourceOf(batches),
  };
}

interface BatchLimit {
  readonly interval: number;
  readonly burst: number;
  readonly concurrency: number;
}

/** What batches allow that have asked within the last minute. */
function batchLimits(gate: Fields, nowUs: number): BatchLimit[] {
  return entriesOf(gate, 'limits:')
    .map((value) => value.split(' ').map(Number))
    .filter(([, , , expiry = 0]) => expiry > nowUs)
    .map(([interval = 0, burst = 1, concurrency = 0]) => ({ interval, burst, concurrency }));
}

function sourceOf(batches: readonly BatchLimit[]): LimitSource {
  return batches.length > 0 ? 'crawl file' : 'none';
}

/** The values of all fields of a kind. */
export function entriesOf(fields: Fields, prefix: string): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    name.startsWith(prefix) ? [value] : [],
  );
}
