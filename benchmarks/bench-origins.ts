import { fileURLToPath } from 'node:url';
import { startProcess } from '@fetchfleet/testing';
import { BenchFleet } from './bench-fleet.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { type Contender, ratioOf, redisCpuOf } from './contest.ts';
import type { BenchContext } from './context.ts';
import { count } from './format.ts';
import { peerContender, PEERS_BY_NAME } from './peer.ts';
import { scoreTable } from './score-table.ts';

const IN_FLIGHT = 64;
/** `most` is the number of fetches of a run: a few seconds of work. */
const CASES = [
  { origins: 1, most: 40_000 },
  { origins: 100, most: 25_000 },
  { origins: 10_000, most: 10_000 },
] as const;
const HOSTS_PER_ROW = 100;
const BARE = 'bare undici loop, 10,000 origins';

export const originsBenchmark: Benchmark = {
  name: 'origins',
  title: 'One origin and many',
  about: `Fetches of 1, 100 and 10,000 origins, which are addresses of 127.0.0.0/8 on one process;
${IN_FLIGHT} in flight, unlimited. Many fetches of one origin share a gate request and a connection;
a fetch of each of ten thousand origins needs its own. The bare loop fetches once from each as well.`,
  run: measureOrigins,
};

async function measureOrigins(context: BenchContext): Promise<Findings> {
  if (process.platform !== 'linux') {
    const remark = 'Not run: needs Linux, where all of 127.0.0.0/8 is loopback.';
    return { tables: [], charts: [], measures: {}, remarks: [remark] };
  }
  const server = fileURLToPath(new URL('./gate-origin-server.ts', import.meta.url));
  const running = await startProcess('node', [server]);
  context.onEnd(async () => running.kill('SIGTERM'));
  const [, port = ''] = await running.waitForLine(/listening on (\d+)/);
  const redis = await context.redis();
  const fleet = await BenchFleet.start(context, { redis, concurrency: IN_FLIGHT });
  let block = 0;
  const contenders = CASES.map(({ origins, most }): Contender => ({
    name: `${count(origins)} origin${origins === 1 ? '' : 's'}`,
    fetches: context.scaled(most),
    run: async (wanted) => {
      // Addresses that are new to the gate.
      block += 1;
      return fleet.run(crawlOf(origins, wanted, `127.${block}.{row}.{host}:${port}`));
    },
  }));
  const most = context.scaled(CASES[2].most);
  const url = `http://127.0.{row}.{host}:${port}/{n}`;
  const task = { url, fetches: most, concurrency: IN_FLIGHT };
  contenders.push({ ...peerContender(PEERS_BY_NAME.undici(), task), name: BARE });
  const scores = await context.compete(contenders);
  const title = `${IN_FLIGHT} in flight, no latency`;
  const [one, , many, bare] = scores;
  return {
    tables: [scoreTable(title, scores, one)],
    charts: [],
    measures: {
      '10,000 ÷ 1': ratioOf(many, one),
      '10,000 ÷ bare undici loop': ratioOf(many, bare),
      'Redis µs per fetch of 10,000': many && redisCpuOf(many),
    },
  };
}

function crawlOf(origins: number, fetches: number, host: string) {
  const used = Math.min(origins, fetches);
  const hosts = Math.min(used, HOSTS_PER_ROW);
  const rows = Math.ceil(used / HOSTS_PER_ROW);
  const params = `row: { from: 1, to: ${rows} }, host: { from: 1, to: ${hosts} }, `;
  return { url: `http://${host}/{n}`, fetches: Math.ceil(fetches / (rows * hosts)), params };
}
