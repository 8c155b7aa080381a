import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, fleetKeys, idInShard, SliceClaims, SliceQueue } from '@fetchfleet/fleet';
import { type RedisCluster, startRedisCluster } from '@fetchfleet/testing';
import type { Benchmark, Findings } from './benchmark.ts';
import type { BenchContext } from './context.ts';
import { count, figure, spreadCells } from './format.ts';
import { type Spread, spreadOf } from './statistics.ts';

const MASTERS = 3;
/** Batches, each with a producer and a worker of its own; equally many in each shard. */
const CLIENTS = 3;
const SLICES = 24_000;
/** Slices in a call, as producers add them. */
const AT_ONCE = 128;
/**
 * Claims under way in a worker for each shard: as many wait at a master, however many masters there
 * are. A script that comes alone costs Redis half as much again as one among many.
 */
const CLAIMS = 128;
/** How long the masters are stopped at least, and how long they then serve: see below. */
const STALL_MS = 20;
const SERVE_MS = 10;
/** Before the next claim of one that has brought nothing. */
const EMPTY_MS = 10;
const FETCHES = 50;

export const shardsBenchmark: Benchmark = {
  name: 'shards',
  title: 'Shards of a fleet on a cluster',
  about: `Slices of ${FETCHES} fetches are enqueued by ${CLIENTS} producers and claimed and completed by
${CLIENTS} workers, in a cluster of ${MASTERS} masters with append-only files, by a fleet of one
shard and one of ${MASTERS}, in turn. Nothing is fetched. Redis uses one core for each master, and
this machine may have fewer cores than there are masters, so the figure is not taken from the
clock: _slices/s of a core_ are all slices ÷ the CPU time (user and system of the main thread,
\`INFO cpu\`) of the master that has used most. That is what the cluster carries when this master has a core of its
own and nothing else is in the way. For the same reason the masters are stopped again and again,
until clients have sent all that they can: requests wait then, as they do in a cluster that is
busy. Each master has equally many claims to answer in both fleets.`,
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
      const [median, range] = spreadCells(gain(step));
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
  const left = { slices: each * CLIENTS };
  const { url } = cluster;
  const all = Array.from({ length: CLIENTS }, (_, at): Share => ({ name, shards, at }));
  // Connections and scripts that servers have to compile are no part of either figure.
  const producers = await Promise.all(all.map(async (share) => producerOf(url, share, each)));
  const enqueue = await loadOf(cluster, producers);
  const workers = await Promise.all(all.map(async (share) => workerOf(url, share, left)));
  const claim = await loadOf(cluster, workers);
  await Promise.all([...producers, ...workers].map(async ({ stop }) => stop()));
  return { enqueue, claim };
}

interface Client {
  readonly run: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Whether it has sent all that it can. */
  readonly isWaiting: () => boolean;
}

interface Share {
  readonly name: string;
  readonly shards: number;
  readonly at: number;
}

async function producerOf(url: string, share: Share, each: number): Promise<Client> {
  const { name, shards, at } = share;
  const redis = await connectRedis(url);
  const queue = new SliceQueue(redis, fleetKeys(name, shards));
  const batch = idInShard(`bench-${at}`, at % shards);
  const waiting = new Waiting();
  let isDone = false;
  return {
    isWaiting: () => isDone || waiting.count > 0,
    run: async () => {
      for (let first = 0; first < each; first += AT_ONCE) {
        const length = Math.min(AT_ONCE, each - first);
        const slices = Array.from({ length }, (_, n) => sliceOf(batch, (first + n) * FETCHES));
        await waiting.for(queue.add(slices));
      }
      isDone = true;
    },
    stop: async () => {
      await queue.stop();
      redis.disconnect();
    },
  };
}

function sliceOf(batch: string, first: number) {
  const values = Array.from({ length: FETCHES }, (_, n) => String(first + n));
  return { batch, origin: 'http://origin.example', ranges: [first, FETCHES], columns: [values] };
}

async function workerOf(
  url: string,
  { name, shards, at }: Share,
  left: { slices: number },
): Promise<Client> {
  const redis = await connectRedis(url);
  const keys = fleetKeys(name, shards);
  const claims = new SliceClaims({ redis, keys, worker: `w-${at}`, onError: fail });
  await claims.start();
  const waiting = new Waiting();
  const claimAll = async (): Promise<void> => {
    while (left.slices > 0) {
      const slice = await waiting.for(claims.claim({ block: false }));
      if (slice === undefined) {
        await waiting.for(sleep(EMPTY_MS));
      } else {
        await waiting.for(slice.complete());
        left.slices -= 1;
      }
    }
  };
  return {
    isWaiting: () => left.slices <= 0 || waiting.count === CLAIMS * shards,
    run: async () => {
      await Promise.all(Array.from({ length: CLAIMS * shards }, claimAll));
    },
    stop: async () => {
      await claims.stop();
      redis.disconnect();
    },
  };
}

function fail(error: Error): never {
  throw error;
}

async function loadOf(cluster: RedisCluster, clients: readonly Client[]): Promise<Load> {
  const before = await cpuOf(cluster);
  const startedAt = performance.now();
  const running = new AbortController();
  const stalling = stallAgainAndAgain(cluster, clients, running.signal);
  await Promise.all(clients.map(async ({ run }) => run()));
  running.abort();
  await stalling;
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await cpuOf(cluster);
  const used = after.map((cpu, at) => cpu - (before[at] ?? 0));
  return { cpuSeconds: used.toSorted((a, b) => b - a), seconds };
}

/**
 * Stops the masters until clients have sent all that they can: requests then wait for Redis, as in
 * a cluster that is busy, and not Redis for them.
 */
async function stallAgainAndAgain(
  { nodes }: RedisCluster,
  clients: readonly Client[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    nodes.forEach(({ server }) => server.freeze());
    do {
      await sleep(STALL_MS);
    } while (!signal.aborted && !clients.every(({ isWaiting }) => isWaiting()));
    nodes.forEach(({ server }) => server.thaw());
    await sleep(SERVE_MS);
  }
}

/** How many of the loops of a client wait for Redis. */
class Waiting {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  async for<T>(answer: Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await answer;
    } finally {
      this.#count -= 1;
    }
  }
}

/** CPU seconds of the main thread of every node since its start: it is what one core bounds. */
async function cpuOf({ nodes }: RedisCluster): Promise<number[]> {
  return Promise.all(
    nodes.map(async ({ server }) => {
      const redis = await connectRedis(server.url);
      const info = await redis.info('cpu');
      redis.disconnect();
      const field = (name: string): number =>
        Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
      return field('used_cpu_user_main_thread') + field('used_cpu_sys_main_thread');
    }),
  );
}
