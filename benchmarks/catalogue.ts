import type { Benchmark } from './benchmark.ts';
import { bodiesBenchmark } from './bench-bodies.ts';
import { ceilingBenchmark } from './bench-ceiling.ts';
import { concurrencyBenchmark } from './bench-concurrency.ts';
import { enqueueBenchmark } from './bench-enqueue.ts';
import { errorsBenchmark } from './bench-errors.ts';
import { exportBenchmark } from './bench-export.ts';
import { growthBenchmark } from './bench-growth.ts';
import { httpsBenchmark } from './bench-https.ts';
import { hungBenchmark } from './bench-hung.ts';
import { idleBenchmark } from './bench-idle.ts';
import { latencyBenchmark } from './bench-latency.ts';
import { originsBenchmark } from './bench-origins.ts';
import { peersBenchmark } from './bench-peers.ts';
import { profileBenchmark } from './bench-profile.ts';
import { rateBenchmark } from './bench-rate.ts';
import { shardsBenchmark } from './bench-shards.ts';
import { smallBenchmark } from './bench-small.ts';
import { workersBenchmark } from './bench-workers.ts';

/** In the order of the report. */
export const BENCHMARKS: readonly Benchmark[] = [
  peersBenchmark,
  latencyBenchmark,
  workersBenchmark,
  hungBenchmark,
  errorsBenchmark,
  smallBenchmark,
  idleBenchmark,
  growthBenchmark,
  enqueueBenchmark,
  exportBenchmark,
  concurrencyBenchmark,
  bodiesBenchmark,
  httpsBenchmark,
  originsBenchmark,
  rateBenchmark,
  shardsBenchmark,
  ceilingBenchmark,
  profileBenchmark,
];
