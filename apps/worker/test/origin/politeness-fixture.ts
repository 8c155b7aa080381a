import { fileURLToPath } from 'node:url';
import { selfSigned, startProcess } from '@fetchfleet/testing';
import { crawlFile } from '../fleet/fleet-fixture.ts';

/** How the origin answers from now on. */
export interface Behaviour {
  /** Delay of every answer. @default 0 */
  readonly delayMs?: number;
  /** @default 200 */
  readonly status?: number;
  /** The Retry-After header of every 429 and 503. @default none */
  readonly retryAfter?: string;
  /** Requests in one second of the wall clock beyond this get a 429. @default Infinity */
  readonly refuseAbove?: number;
  /**
   * The first request for every path that ends in a multiple of this gets a 500. @default none
   */
  readonly failFirst?: number;
  /** Text of robots.txt. @default a 404 */
  readonly robots?: string;
}

/** One request. Times are milliseconds of the origin's own monotonic clock. */
export interface Seen {
  readonly at: number;
  /** The earliest time at which it may have come: when the origin last read its sockets. */
  readonly from: number;
  readonly path: string;
  readonly status: number;
  /** Requests without an answer, this one included. */
  readonly inFlight: number;
}

export type PoliteOrigin = Awaited<ReturnType<typeof startPoliteOrigin>>;

/** An origin in its own process that records when requests arrive, except for robots.txt. */
export async function startPoliteOrigin(behaviour: Behaviour = { delayMs: 20 }) {
  const program = fileURLToPath(new URL('politeness-origin.ts', import.meta.url));
  const running = await startProcess('node', [program, JSON.stringify(selfSigned())]);
  const [, port, farPort] = await running.waitForLine(/origin on ports (\d+) (\d+)/);
  const url = `http://127.0.0.1:${port}`;
  const control = async (init?: RequestInit) => {
    const response = await fetch(`${url}/control`, init);
    return (await response.json()) as { readonly now: number; readonly seen: readonly Seen[] };
  };
  const behave = async (next: Behaviour): Promise<number> => {
    const { now } = await control({ method: 'PUT', body: JSON.stringify(next) });
    return now;
  };
  await behave(behaviour);
  return {
    url,
    /** The same origin, where each new connection takes 300 ms. */
    farUrl: `https://127.0.0.1:${farPort}`,
    /** Changes how it answers from now on. @returns the origin's time */
    behave,
    /** The requests in the order of their arrival. */
    seen: async () => (await control()).seen,
    now: async () => (await control()).now,
    stop: async () => void (await running.kill()),
  };
}

/** A crawl file over n = 0 … total − 1. `politeness` is the inside of its YAML flow mapping. */
export function politeCrawl(
  origin: Pick<PoliteOrigin, 'url'>,
  total: number,
  politeness: string,
  extra: Readonly<Record<string, string>> = {},
): string {
  const robots = politeness.includes('robots:') ? '' : ', robots: ignore';
  return crawlFile(`${origin.url}/x/{n}`, total, {
    politeness: `{ ${politeness}${robots} }`,
    ...extra,
  });
}

/** The most arrivals in any second. Discounts what is late because the origin was stalled. */
export function mostInOneSecond(seen: readonly Seen[]): number {
  let most = 0;
  let first = 0;
  for (const [last, { at }] of seen.entries()) {
    while (at - (seen[first]?.from ?? at) >= 1000) {
      first += 1;
    }
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Starts per second between the first and the last, without the burst. */
export function ratePerSecond(seen: readonly Seen[], burst: number): number {
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || first === last) {
    return 0;
  }
  return ((seen.length - burst) * 1000) / (last.at - first.at);
}
