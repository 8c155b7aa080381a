import {
  effectiveLimits,
  entriesOf,
  type Fields,
  type LimitSource,
  numberOf,
} from './origin-limits.ts';

/** What the gate knows of one origin. Instants are ISO 8601, by the clock of Redis; what is left of them is by that clock, too. */
export interface OriginStatus {
  readonly origin: string;
  readonly rate: {
    /** `5/s`, `90/m`, `unlimited` */
    readonly limit: string;
    /** Absent where it is unlimited. */
    readonly perSecond?: number;
    readonly source: LimitSource;
  };
  /** Starts allowed at once before the rate spaces them. */
  readonly burst: number;
  /** Fetches in flight over the whole fleet. */
  readonly concurrency: { readonly limit: number | 'unlimited'; readonly source: LimitSource };
  /** Permits that are out: fetches in flight, or about to be. */
  readonly inUse: number;
  /** Workers that hold them. */
  readonly workers: number;
  /** Fetches that were sent away until their turn comes. */
  readonly waiting: number;
  /** The origin wants to be left alone until then. */
  readonly blockedUntil?: string;
  readonly blockedMs?: number;
  /** What it said. */
  readonly blockedFor?: string;
  /** `open`: it fails, and nobody tries; `half-open`: one fetch of the whole fleet may try. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  readonly openUntil?: string;
  readonly openMs?: number;
  /** Fetches per second that it was found to bear. Absent if it has never objected. */
  readonly learnedRate?: number;
  /** How long a fetch takes on average, of late. Absent before the first has ended. */
  readonly durationMs?: number;
}

/**
 * Builds the status from the fields of the gate's hash and of the settings.
 *
 * @param nowUs epoch microseconds by the clock of Redis
 */
export function originStatusFromFields(
  origin: string,
  gate: Fields,
  settings: Fields,
  nowUs: number,
): OriginStatus {
  const limits = effectiveLimits(gate, settings, nowUs);
  const learned = numberOf(gate, 'learned');
  return {
    origin,
    rate: {
      limit: rateText(limits.interval),
      ...(limits.interval > 0 && { perSecond: 1e6 / limits.interval }),
      source: limits.intervalSource,
    },
    burst: limits.burst,
    concurrency: { limit: limits.concurrency, source: limits.concurrencySource },
    ...leases(gate, nowUs),
    waiting: Math.max(0, numberOf(gate, 'tail') - numberOf(gate, 'head')),
    ...block(gate, nowUs),
    ...breaker(gate, nowUs),
    ...(learned > 0 && { learnedRate: learned }),
    ...(gate['durationMs'] !== undefined && { durationMs: numberOf(gate, 'durationMs') }),
  };
}

function leases(gate: Fields, nowUs: number): Pick<OriginStatus, 'inUse' | 'workers'> {
  const counts = entriesOf(gate, 'lease:')
    .map((lease) => lease.split(' ').map(Number))
    .flatMap(([count = 0, expiry = 0]) => (expiry > nowUs && count > 0 ? [count] : []));
  return { inUse: counts.reduce((sum, count) => sum + count, 0), workers: counts.length };
}

function block(
  gate: Fields,
  nowUs: number,
): Pick<OriginStatus, 'blockedUntil' | 'blockedMs' | 'blockedFor'> {
  const until = numberOf(gate, 'blockedUntil');
  if (until <= nowUs) return {};
  const reason = gate['blockedFor'] ?? '';
  return {
    blockedUntil: instant(until),
    blockedMs: Math.ceil((until - nowUs) / 1000),
    ...(reason !== '' && { blockedFor: reason }),
  };
}

function breaker(
  gate: Fields,
  nowUs: number,
): Pick<OriginStatus, 'breaker' | 'openUntil' | 'openMs'> {
  if (numberOf(gate, 'opens') === 0) return { breaker: 'closed' };
  const until = numberOf(gate, 'openUntil');
  if (until <= nowUs) return { breaker: 'half-open' };
  return {
    breaker: 'open',
    openUntil: instant(until),
    openMs: Math.ceil((until - nowUs) / 1000),
  };
}

function instant(us: number): string {
  return new Date(us / 1000).toISOString();
}

const UNITS = [
  ['s', 1e6],
  ['m', 60e6],
  ['h', 3_600e6],
] as const;

/** In the largest number that is easy to read: 5/s, 0.5/s is 30/m, one in an hour is 1/h. */
function rateText(intervalUs: number): string {
  if (intervalUs === 0) return 'unlimited';
  const [unit, us] = UNITS.find(([, each]) => each / intervalUs >= 0.995) ?? UNITS[2];
  const count = us / intervalUs;
  return `${Number(count.toFixed(count >= 100 ? 0 : count >= 10 ? 1 : 2))}/${unit}`;
}
