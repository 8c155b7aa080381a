import { connectRedis, fleetKeys, SliceClaims, SliceQueue } from '@fetchfleet/fleet';
import { type RedisCluster, startRedisCluster } from '@fetchfleet/testing';
import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { count, figure, spreadCells } from './format.ts';
import { type Spread, spreadOf } from './statistics.ts';

const MASTERS = 3;
/** Batches, each with a producer and a worker of its own; equally many in each shard. */
const CLIENTS = 6;
const SLICES = 12_000;
/** Slices in a call, as producers add them. */
const AT_ONCE = 128;
/** Claims under way in a worker, as workers claim. */
const CLAIMS = 8;
const FETCHES = 50;

export const shardsBenchmark: Benchmark = {
  name: 'shards',
  title: 'Shards of a fleet on a cluster',
  about: `Slices of ${FETCHES} fetches are enqueued by ${CLIENTS} producers and claimed and completed by
${CLIENTS} workers, in a cluster of ${MASTERS} masters with append-only files, by a fleet of one
shard and one of ${MASTERS}, in turn. Nothing is fetched. Redis uses one core for each master, and
this machine may have fewer cores than there are masters, so the figure is not taken from the
clock: _slices/s of a core_ are all slices ÷ the CPU time (user and system, \`INFO cpu\`) of the
master that has used most. That is what the cluster carries when this master has a core of its
own and nothing else is in the way.`,
  isExtra: true,
  run: measureShards,
};

interface Load {
  /** CPU seconds of each master, the busiest first. */
  readonly cpuSeconds: readonly number[];
  readonly seconds: number;
}

interface Run {
  readonly enqueue: Load;
  readonly claim: Load;
}

async function measureShards(context: BenchContext): Promise<Findings> {
  const cluster = await startRedisCluster({ masters: MASTERS });
  context.onEnd(async () => cluster.dispose());
  const slices = context.scaled(SLICES);
  const runs: Record<number, Run[]> = { 1: [], [MASTERS]: [] };
  for (let round = 0; round < context.rounds; round += 1) {
    for (const shards of [1, MASTERS]) {
      const run = await runOf(cluster, { name: `bench-${round}-${shards}`, shards, slices });
      runs[shards]?.push(run);
      const [enqueued, claimed] = [carried(run.enqueue, slices), carried(run.claim, slices)];
      context.log(`  ${shards}: ${figure(enqueued)}/s enqueued, ${figure(claimed)}/s claimed`);
    }
  }
  const of = (shards: number, step: keyof Run): readonly Load[] =>
    (runs[shards] ?? []).map((run) => run[step]);
  const gain = (step: keyof Run): Spread | undefined => {
    const one = of(1, step);
    const ratios = of(MASTERS, step).map(
      (load, at) => carried(load, slices) / carried(one[at] ?? load, slices),
    );
    return spreadOf(ratios);
  };
  const steps = ['enqueue', 'claim'] as const;
  return {
    tables: steps.map((step) => ({
      title: `${step}, ${count(slices)} slices`,
      head: ['shards', 'slices/s of a core', 'lowest – highest', 'CPU s of each master', 'seconds'],
      rows: [1, MASTERS].map((shards) => rowOf(shards, of(shards, step), slices)),
    })),
    charts: [],
    measures: { 'enqueue, 3 shards ÷ 1': gain('enqueue'), 'claim, 3 shards ÷ 1': gain('claim') },
    remarks: steps.map((step) => {
      const [median = '', range = ''] = spreadCells(gain(step));
      return `${step}: ${MASTERS} shards carry ${median} times as much as one (${range}).`;
    }),
  };
}

function rowOf(shards: number, loads: readonly Load[], slices: number): string[] {
  const [last] = loads.slice(-1);
  return [
    String(shards),
    ...spreadCells(spreadOf(loads.map((load) => carried(load, slices)))),
    (last?.cpuSeconds ?? []).map((cpu) => cpu.toFixed(2)).join(' · '),
    (last?.seconds ?? 0).toFixed(1),
  ];
}

/** Slices a second, if the busiest master had a core of its own. */
function carried({ cpuSeconds: [busiest = 0] }: Load, slices: number): number {
  return slices / busiest;
}

async function runOf(
  cluster: RedisCluster,
  {
    name,
    shards,
    slices,
  }: { readonly name: string; readonly shards: number; readonly slices: number },
): Promise<Run> {
  const each = Math.floor(slices / CLIENTS);
  const clients = Array.from({ length: CLIENTS }, (_, at) => at);
  const enqueue = await loadOf(cluster, async () =>
    Promise.all(clients.map(async (at) => produce(cluster.url, { name, shards, at, each }))),
  );
  const left = { slices: each * CLIENTS };
  const claim = await loadOf(cluster, async () =>
    Promise.all(clients.map(async (at) => work(cluster.url, { name, shards, at, left }))),
  );
  return { enqueue, claim };
}

interface Share {
  readonly name: string;
  readonly shards: number;
  readonly at: number;
}

async function produce(url: string, share: Share & { readonly each: number }): Promise<void> {
  const { name, shards, at, each } = share;
  const redis = await connectRedis(url);
  const queue = new SliceQueue(redis, fleetKeys(name, shards));
  const shard = at % shards;
  const batch = `bench-${at}${shard === 0 ? '' : `-s${shard}`}`;
  for (let first = 0; first < each; first += AT_ONCE) {
    const length = Math.min(AT_ONCE, each - first);
    await queue.add(Array.from({ length }, (_, n) => sliceOf(batch, (first + n) * FETCHES)));
  }
  await queue.stop();
  redis.disconnect();
}

function sliceOf(batch: string, first: number) {
  const values = Array.from({ length: FETCHES }, (_, n) => String(first + n));
  return { batch, origin: 'http://origin.example', ranges: [first, FETCHES], columns: [values] };
}

async function work(
  url: string,
  { name, shards, at, left }: Share & { readonly left: { slices: number } },
): Promise<void> {
  const redis = await connectRedis(url);
  const keys = fleetKeys(name, shards);
  const claims = new SliceClaims({ redis, keys, worker: `w-${at}`, onError: fail });
  await claims.start();
  const claimAll = async (): Promise<void> => {
    while (left.slices > 0) {
      const slice = await claims.claim({ block: false });
      if (slice !== undefined) {
        await slice.complete();
        left.slices -= 1;
      }
    }
  };
  await Promise.all(Array.from({ length: CLAIMS }, claimAll));
  await claims.stop();
  redis.disconnect();
}

function fail(error: Error): never {
  throw error;
}

async function loadOf(cluster: RedisCluster, work: () => Promise<unknown>): Promise<Load> {
  const before = await cpuOf(cluster);
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await cpuOf(cluster);
  const used = after.map((cpu, at) => cpu - (before[at] ?? 0));
  return { cpuSeconds: used.toSorted((a, b) => b - a), seconds };
}

/** CPU seconds of every node since its start. */
async function cpuOf({ nodes }: RedisCluster): Promise<number[]> {
  return Promise.all(
    nodes.map(async ({ server }) => {
      const redis = await connectRedis(server.url);
      const info = await redis.info('cpu');
      redis.disconnect();
      const field = (name: string): number =>
        Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
      return field('used_cpu_user') + field('used_cpu_sys');
    }),
  );
}
