import { fileURLToPath } from 'node:url';
import { startProcess } from '@fetchfleet/testing';
import { crawlFile } from '../fleet/fleet-fixture.ts';

/** How the origin answers from now on. */
export interface Behaviour {
  /** Before every answer. @default 0 */
  readonly delayMs?: number;
  /** @default 200 */
  readonly status?: number;
  /** With every 429 and 503. @default none */
  readonly retryAfter?: string;
  /** 429 for what comes beyond so many in one second of the clock. @default never */
  readonly refuseAbove?: number;
  /** The first request for every path that ends in a multiple of it is answered with 500. @default none */
  readonly failFirst?: number;
  /** Text of robots.txt. @default 404 */
  readonly robots?: string;
}

/** One request; times by the origin's own monotonic clock, in milliseconds. */
export interface Seen {
  readonly at: number;
  /** The earliest that it may have come: when the origin had looked before. */
  readonly from: number;
  readonly path: string;
  readonly status: number;
  /** Requests not answered yet, this one included. */
  readonly inFlight: number;
}

export type PoliteOrigin = Awaited<ReturnType<typeof startPoliteOrigin>>;

/** An origin in its own process that records when requests arrive, robots.txt aside. */
export async function startPoliteOrigin(behaviour: Behaviour = { delayMs: 20 }) {
  const program = fileURLToPath(new URL('politeness-origin.ts', import.meta.url));
  const running = await startProcess('node', [program]);
  const [, port] = await running.waitForLine(/origin on port (\d+)/);
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
    /** From now on. @returns the origin's time */
    behave,
    /** In the order they came. */
    seen: async () => (await control()).seen,
    now: async () => (await control()).now,
    stop: async () => void (await running.kill()),
  };
}

/** A crawl file over n = 0 … total − 1 of the origin. `politeness` as in YAML, without its braces. */
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

/** The most arrivals in any second, whatever was late because the origin itself was not looking. */
export function mostInOneSecond(seen: readonly Seen[]): number {
  let most = 0;
  let first = 0;
  for (const [last, { at }] of seen.entries()) {
    while (at - (seen[first]?.from ?? at) >= 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Starts per second between the first and the last, the burst not counted. */
export function ratePerSecond(seen: readonly Seen[], burst: number): number {
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || first === last) return 0;
  return ((seen.length - burst) * 1000) / (last.at - first.at);
}
