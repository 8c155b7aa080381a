import { heavyTail } from './heavy-tail.ts';

/** What happens to all origins of a case. Times in seconds from the first request. */
export interface OriginFault {
  /** `down` closes connections without an answer; `refuse` answers 429 with `Retry-After`. */
  readonly kind: 'down' | 'refuse';
  readonly atSeconds: number;
  readonly forSeconds: number;
}

/** A case that is small enough to be run by a real fleet on one machine. */
export interface SmallCase {
  readonly name: string;
  /** Fetches of each origin. */
  readonly fetches: ArrayLike<number>;
  readonly workers: number;
  /** Fetches in flight in each worker. */
  readonly concurrency: number;
  readonly latencyMs: number;
  /** Starts per second and origin. @default unlimited */
  readonly rate?: number;
  /** Fetches in flight per origin. @default unlimited */
  readonly inFlight?: number;
  readonly fault?: OriginFault;
  /** When one worker is killed, in seconds from the first request. @default never */
  readonly killAtSeconds?: number;
}

const same = (origins: number, fetches: number): number[] =>
  Array.from({ length: origins }, () => fetches);

/**
 * Limits and latencies decide how long these take, not the speed of the machine. So their figures
 * hold on a machine that is busy with other work as well.
 */
export const SMALL_CASES: readonly SmallCase[] = [
  {
    name: 'one origin, 50/s',
    fetches: [1_000],
    workers: 2,
    concurrency: 32,
    latencyMs: 20,
    rate: 50,
  },
  {
    name: '100 origins, 2/s each',
    fetches: same(100, 40),
    workers: 2,
    concurrency: 32,
    latencyMs: 20,
    rate: 2,
  },
  {
    name: '1,000 origins, heavy tail, 2 in flight each',
    fetches: heavyTail(1_000, 1_600, 1),
    workers: 2,
    concurrency: 64,
    latencyMs: 1_000,
    inFlight: 2,
  },
  {
    name: '1,000 origins, heavy tail, too few workers',
    fetches: heavyTail(1_000, 3_000, 1),
    workers: 2,
    concurrency: 20,
    latencyMs: 500,
    inFlight: 16,
  },
  {
    name: 'an origin that is down for 8 s',
    fetches: [1_000],
    workers: 2,
    concurrency: 32,
    latencyMs: 20,
    rate: 50,
    fault: { kind: 'down', atSeconds: 6, forSeconds: 8 },
  },
  {
    name: 'an origin that refuses for 5 s',
    fetches: [1_000],
    workers: 2,
    concurrency: 32,
    latencyMs: 20,
    rate: 50,
    fault: { kind: 'refuse', atSeconds: 6, forSeconds: 5 },
  },
  {
    name: 'one of four workers is killed',
    fetches: [4_000],
    workers: 4,
    concurrency: 10,
    latencyMs: 250,
    killAtSeconds: 8,
  },
];
