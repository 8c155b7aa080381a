import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings, Table } from './benchmark.ts';
import { ratioOf, scoreNamed } from './contest.ts';
import type { BenchContext } from './context.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreTable } from './score-table.ts';
import type { Spread } from './statistics.ts';
import { SLOW_MS, startTlsOrigin, type TlsOrigin } from './tls-origin.ts';

const IN_FLIGHT = 64;
const OURS = 'fetchfleet, native';
const SLOW_FETCHES = 3_000;
/** Fetches per run: about three seconds per contender. */
const CASES = [
  { name: 'kept', title: 'Connections are kept', own: 30_000, loop: 50_000 },
  { name: 'fresh', title: 'A new connection for every fetch', own: 4_000, loop: 5_000 },
] as const;

export const httpsBenchmark: Benchmark = {
  name: 'https',
  title: 'HTTPS',
  about: `TLS 1.3 with nginx, no latency, ${IN_FLIGHT} in flight. Connections are kept, or end with every answer: then the
next one resumes the session. The bare loop reads the bodies and discards them. With ${SLOW_MS} ms latency,
it runs on HTTP/1.1 and on HTTP/2: fetchfleet has only the former ([why](../docs/decisions/0039-no-http2.md)).`,
  run: measureHttps,
};

async function measureHttps(context: BenchContext): Promise<Findings> {
  const origin = await startTlsOrigin(context);
  if (origin === undefined) {
    return { tables: [], charts: [], measures: {}, remarks: ['Not run: needs nginx.'] };
  }
  const redis = await context.redis();
  const { env } = origin;
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT, env });
  const loop = PEERS_BY_NAME.undici();
  const tables: Table[] = [];
  const measures: Record<string, Spread | undefined> = {};
  for (const { name, title, own, loop: bare } of CASES) {
    const url = origin[name];
    const task = { url, fetches: context.scaled(bare), concurrency: IN_FLIGHT, env };
    const scores = await context.compete([
      fleet.contender(OURS, { url, fetches: context.scaled(own) }),
      peerContender(loop, task),
    ]);
    const base = scoreNamed(scores, loop.name);
    tables.push(scoreTable(title, scores, base));
    measures[`${name} ÷ bare undici`] = ratioOf(scoreNamed(scores, OURS), base);
  }
  const slow = await measureHttp2(context, origin);
  return { tables: slow === undefined ? tables : [...tables, slow], charts: [], measures };
}

/** Bare loops alone: what a transport on HTTP/2 could win at most. */
async function measureHttp2(
  context: BenchContext,
  { slow, env }: TlsOrigin,
): Promise<Table | undefined> {
  if (slow === undefined) {
    return undefined;
  }
  const task = { url: slow, fetches: context.scaled(SLOW_FETCHES), concurrency: IN_FLIGHT, env };
  const [http1, http2] = [PEERS_BY_NAME.undici(), PEERS_BY_NAME.http2()];
  const scores = await context.compete([peerContender(http1, task), peerContender(http2, task)]);
  return scoreTable(`${SLOW_MS} ms latency`, scores, scoreNamed(scores, http1.name));
}
