import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings, Table } from './benchmark.ts';
import { cpuOf, rateOf, type Score, scoreNamed, shareOf } from './contest.ts';
import type { BenchContext } from './context.ts';
import type { BenchCrawl } from './crawl-text.ts';
import { count, medianCell, percent, spreadCells } from './format.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import type { Spread } from './statistics.ts';

const OURS = 'fetchfleet, native';
/** aiohttp takes part up to this many fetches per second. */
const AIOHTTP_MOST = 1_000;

/** The bars are for 100 ms: in these long runs, start and end are 1 % of the time. */
const CASES = [
  { latencyMs: 20, inFlight: 100, seconds: 4 },
  { latencyMs: 100, inFlight: 100, seconds: 12 },
  { latencyMs: 100, inFlight: 400, seconds: 12 },
  { latencyMs: 100, inFlight: 1_000, seconds: 12 },
  { latencyMs: 1_000, inFlight: 1_000, seconds: 6 },
] as const;

export const latencyBenchmark: Benchmark = {
  name: 'latency',
  title: 'Where every answer takes its time',
  about: `One process each, against an origin that delays its answers. The ideal is in flight ÷ latency. Nothing
reaches it, because the delay starts when the origin has read the request, and because a run has a
start and an end. Runs of 100 ms take twelve seconds after three seconds of warm-up with the same
number in flight: at 1,000 in flight, start and end take 0.14 s, which is 1 % of twelve seconds and
would be 4 % of three or four.`,
  run: measureLatencies,
};

async function measureLatencies(context: BenchContext): Promise<Findings> {
  const tables: Table[] = [];
  const measures: Record<string, Spread | undefined> = {};
  for (const given of CASES) {
    const { latencyMs, inFlight } = given;
    const ideal = (inFlight * 1000) / latencyMs;
    const scores = await measureCase(context, given, ideal);
    const title = `${count(latencyMs)} ms, ${count(inFlight)} in flight: ideal ${count(ideal)}/s`;
    tables.push(idealTable(title, scores, ideal));
    if (latencyMs === 100) {
      measures[`share of ideal at ${inFlight}`] = shareOf(scoreNamed(scores, OURS), ideal);
    }
  }
  return { tables, charts: [], measures };
}

async function measureCase(
  context: BenchContext,
  { latencyMs, inFlight, seconds }: (typeof CASES)[number],
  ideal: number,
): Promise<Score[]> {
  const redis = await context.redis();
  const url = (await context.origin()).delayed(latencyMs);
  const fetches = context.scaled(ideal * seconds);
  const fleet = await BenchFleet.start(context, { redis, concurrency: inFlight });
  // Beyond that, aiohttp reaches its own limit, which `peers` shows, and would take minutes.
  const isFair = ideal <= AIOHTTP_MOST;
  const peers = [PEERS_BY_NAME.undici(), ...(isFair ? [PEERS_BY_NAME.aiohttp()] : [])];
  try {
    return await context.compete([
      fleet.contender(OURS, { url, fetches } satisfies BenchCrawl),
      ...peers
        .filter(({ missing }) => missing === undefined)
        .map((peer) => peerContender(peer, { url, fetches, concurrency: inFlight })),
    ]);
  } finally {
    await context.endBenchmark();
  }
}

function idealTable(title: string, scores: readonly Score[], ideal: number): Table {
  return {
    title,
    head: ['', 'fetches/s', 'of the ideal', 'lowest – highest', 'CPU µs'],
    rows: scores.map((score) => [
      score.name,
      medianCell(rateOf(score)),
      ...spreadCells(shareOf(score, ideal), percent),
      medianCell(cpuOf(score), count),
    ]),
  };
}
