import type { Running } from '@fetchfleet/testing';
import { type Arrival, type Arrivals, measureArrivals } from './gate-arrivals.ts';
import type { Costs, GateFleet } from './gate-fleet.ts';

/** The number of origins, and the load of each. */
export interface GateCase {
  readonly origins: number;
  /** Fetches per origin. */
  readonly fetches: number;
  /** Limit per origin: the rate in crawl file syntax, and in fetches per second. */
  readonly rate: string;
  readonly perSecond: number;
  /** Observes an unfinished batch for this long, after a delay. @default to the end of the batch */
  readonly watch?: { readonly afterMs: number; readonly forMs: number };
}

export interface GateScore {
  readonly costs: Costs;
  /** What the origins received, from the first fetch to the last. */
  readonly arrivals: Arrivals;
  /** Fetches during the measurement of the costs. */
  readonly fetches: number;
}

/** One process serves all origins: every address of 127.0.0.0/8 is one. */
export interface ManyOrigins {
  readonly port: number;
  readonly running: Running;
}

const HOSTS_PER_ROW = 100;
/** The second number of the addresses: every case has origins that are new to the gate. */
let block = 0;

/** Runs one case on a fleet. */
export async function runGateCase(
  fleet: GateFleet,
  origins: ManyOrigins,
  given: GateCase,
): Promise<GateScore> {
  block += 1;
  const crawl = crawlText(given, `127.${block}.{row}.{host}:${origins.port}`);
  if (given.watch === undefined) {
    const costs = await fleet.fetchAll(crawl);
    const arrivals = await arrivalsAt(origins, given);
    return { costs, arrivals, fetches: arrivals.fetches };
  }
  await fleet.enqueue(crawl);
  await fleet.watch(given.watch.afterMs);
  const before = await arrivalsAt(origins, given);
  const costs = await fleet.watch(given.watch.forMs);
  const arrivals = await arrivalsAt(origins, given);
  return { costs, arrivals, fetches: arrivals.fetches - before.fetches };
}

async function arrivalsAt({ port }: ManyOrigins, { perSecond }: GateCase): Promise<Arrivals> {
  const reply = await fetch(`http://127.0.0.1:${port}/arrivals/${block}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from our own server
  return measureArrivals((await reply.json()) as Arrival[][], perSecond);
}

function crawlText({ origins, fetches, rate }: GateCase, host: string): string {
  const hosts = Math.min(origins, HOSTS_PER_ROW);
  return `
name: gate
url: http://${host}/{n}
params:
  row: { from: 1, to: ${Math.ceil(origins / HOSTS_PER_ROW)} }
  host: { from: 1, to: ${hosts} }
  n: { from: 1, to: ${fetches} }
politeness: { rate: ${rate}, concurrency: unlimited, robots: ignore }
network: { allowPrivate: true }
`;
}
