import type { Benchmark, Findings } from './benchmark.ts';
import { BenchFleet } from './bench-fleet.ts';
import { cpuOf, ratioOf, scoreNamed } from './contest.ts';
import type { BenchContext } from './context.ts';
import { curlContender, curlIsThere, peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreChart, scoreTable } from './score-table.ts';

const IN_FLIGHT = 64;
const OURS = { native: 'fetchfleet, native', got: 'fetchfleet, got' };

const GOT_FETCHES = 12_500;
/**
 * Others, with fetches for about five seconds each, so start and end of a batch matter little. All
 * processes are warm.
 */
const PEERS = [
  ['undici', 150_000],
  ['got', GOT_FETCHES],
  ['bullmq', 10_000],
  ['aiohttp', 17_000],
  ['uvloop', 23_000],
  ['scrapy', 1_500],
  ['crawlee', 3_500],
] as const;
const OWN_FETCHES = 110_000;
const CURL_FETCHES = 130_000;

export const peersBenchmark: Benchmark = {
  name: 'peers',
  title: 'Everything people would use instead',
  about: `The same URLs of an origin that answers at once with 1.2 kB of JSON, ${IN_FLIGHT} in flight, by one process each. \
fetchfleet keeps all its promises: queue, gate, records synced to disk before they are acknowledged, metrics. Of the others only \
BullMQ has a queue, and none keeps its results.`,
  run: comparePeers,
};

async function comparePeers(context: BenchContext): Promise<Findings> {
  const redis = await context.redis();
  const origin = await context.origin();
  const url = origin.items();
  const fleets = {
    native: await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT }),
    got: await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT, transport: 'got' }),
  };
  const found = PEERS.map(([key, fetches]) => ({ fetches, peer: PEERS_BY_NAME[key]() }));
  const present = found.filter(({ peer }) => peer.missing === undefined);
  const task = { url, concurrency: IN_FLIGHT, redisUrl: redis.url };
  const contenders = [
    fleets.native.contender(OURS.native, { url, fetches: context.scaled(OWN_FETCHES) }),
    fleets.got.contender(OURS.got, { url, fetches: context.scaled(GOT_FETCHES) }),
    ...present.map(({ fetches, peer }) =>
      peerContender(peer, { ...task, fetches: context.scaled(fetches) }),
    ),
    ...(curlIsThere() ? [curlContender({ ...task, fetches: context.scaled(CURL_FETCHES) })] : []),
  ];
  const scores = await context.compete(contenders);
  const own = scoreNamed(scores, OURS.native);
  const against = (key: keyof typeof PEERS_BY_NAME) =>
    ratioOf(own, scoreNamed(scores, PEERS_BY_NAME[key]().name));
  const title = `No latency, ${IN_FLIGHT} in flight (${origin.name})`;
  return {
    tables: [scoreTable(title, scores, own)],
    charts: [scoreChart('peers', title, scores)],
    measures: {
      'native ÷ aiohttp': against('aiohttp'),
      'native ÷ Crawlee': against('crawlee'),
      'native ÷ Scrapy': against('scrapy'),
      'native ÷ BullMQ + got': against('bullmq'),
      'native ÷ bare undici': against('undici'),
      'got ÷ bare got': ratioOf(
        scoreNamed(scores, OURS.got),
        scoreNamed(scores, PEERS_BY_NAME.got().name),
      ),
      'CPU µs per fetch': own && cpuOf(own),
    },
    remarks: found.flatMap(({ peer: { missing } }) =>
      missing === undefined ? [] : [`Absent: ${missing}.`],
    ),
  };
}
