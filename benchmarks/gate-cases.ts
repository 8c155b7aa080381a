import type { Running } from '@fetchfleet/testing';
import { type Arrivals, measureArrivals } from './gate-arrivals.ts';
import type { Costs, GateFleet } from './gate-fleet.ts';

/** How many origins, and what each of them is asked for. */
export interface GateCase {
  readonly origins: number;
  /** Of each origin. */
  readonly fetches: number;
  /** Of each origin: a rate as in a crawl file, and the same in fetches per second. */
  readonly rate: string;
  readonly perSecond: number;
  /** The batch is not waited for: it is looked at for so long, after a while. @default to its end */
  readonly watch?: { readonly afterMs: number; readonly forMs: number };
}

export interface GateScore {
  readonly costs: Costs;
  /** What the origins saw, from the first fetch to the last. */
  readonly arrivals: Arrivals;
  /** Fetches while the costs were counted. */
  readonly fetches: number;
}

/** Served by one process: every address of 127.0.0.0/8 is an origin. */
export interface ManyOrigins {
  readonly port: number;
  readonly running: Running;
}

const HOSTS_PER_ROW = 100;
/** The second number of the addresses: every case has origins that the gate has not met. */
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server's
  return measureArrivals((await reply.json()) as number[][], perSecond);
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
