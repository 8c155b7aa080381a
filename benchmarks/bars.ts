import { count, figure, mebibytes, percent } from './format.ts';
import type { Spread } from './statistics.ts';
import type { StoredResult } from './stored-results.ts';

/** The target of a measure. It is compared with the median. */
export interface Target {
  readonly text: string;
  readonly benchmark: string;
  readonly measure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly format: (value: number) => string;
}

export interface Verdict {
  readonly target: Target;
  /** Undefined if it was not measured. */
  readonly measured: Spread | undefined;
  readonly isMet: boolean | undefined;
}

const times = (value: number): string => `${figure(value)} ×`;
const micros = (value: number): string => `${count(value)} µs`;
const seconds = (value: number): string => `${figure(value)} s`;
const mib = (value: number): string => `${mebibytes(value)} MiB`;
const perSecond = (value: number): string => `${count(value)}/s`;
const plain = (value: number): string => value.toFixed(2);

/** The targets. Most are ratios within one run, so they hold on any machine. */
const TARGETS: readonly Target[] = [
  ...[
    { text: 'one worker ÷ aiohttp', measure: 'native ÷ aiohttp', atLeast: 4 },
    { text: 'one worker ÷ Crawlee', measure: 'native ÷ Crawlee', atLeast: 20 },
    { text: 'one worker ÷ Scrapy', measure: 'native ÷ Scrapy', atLeast: 36 },
    { text: 'one worker ÷ plain BullMQ + got', measure: 'native ÷ BullMQ + got', atLeast: 6 },
    { text: 'one worker ÷ bare undici loop', measure: 'native ÷ bare undici', atLeast: 0.65 },
    { text: 'one worker on got ÷ bare got loop', measure: 'got ÷ bare got', atLeast: 1 },
  ].map((target) => ({ ...target, benchmark: 'peers', format: times })),
  {
    text: 'CPU of the worker for a fetch, native',
    benchmark: 'peers',
    measure: 'CPU µs per fetch',
    atMost: 100,
    format: micros,
  },
  ...[
    { inFlight: 100, atLeast: 0.96 },
    { inFlight: 400, atLeast: 0.96 },
    { inFlight: 1_000, atLeast: 0.96 },
  ].map(({ inFlight, atLeast }) => ({
    text: `100 ms latency, ${inFlight} in flight: share of the ideal`,
    benchmark: 'latency',
    measure: `share of ideal at ${inFlight}`,
    atLeast,
    format: percent,
  })),
  ...[50_000, 1_000_000].map((bytes) => ({
    text: `bodies of ${count(bytes)} bytes ÷ bare undici loop`,
    benchmark: 'bodies',
    measure: `${bytes} bytes ÷ bare undici`,
    atLeast: 0.5,
    format: times,
  })),
  ...[
    { text: 'HTTPS, connections kept ÷ bare undici loop', measure: 'kept ÷ bare undici' },
    { text: 'HTTPS, resumed for every fetch ÷ bare undici loop', measure: 'fresh ÷ bare undici' },
  ].map((target) => ({ ...target, benchmark: 'https', atLeast: 0.6, format: times })),
  {
    text: 'four workers ÷ one, latency-bound',
    benchmark: 'workers',
    measure: '4 ÷ 1',
    atLeast: 3.8,
    format: times,
  },
  ...[
    { text: 'one hung fetch in fifty', measure: 'throughput left' },
    { text: 'one fetch in fifty that times out', measure: 'throughput left by timeouts' },
  ].map(({ text, measure }) => ({
    text: `${text}: throughput that is left`,
    benchmark: 'hung',
    measure,
    atLeast: 0.95,
    format: percent,
  })),
  {
    text: '195 fetches of 100 ms, 4 workers × 50: the whole `fetchfleet run`',
    benchmark: 'small',
    measure: 'seconds',
    atMost: 1.2,
    format: seconds,
  },
  {
    text: 'a worker without work: its share of a core',
    benchmark: 'idle',
    measure: 'share of a core',
    atMost: 0.002,
    format: (share) => percent(share, 2),
  },
  {
    text: '8 in flight, no latency ÷ bare undici loop',
    benchmark: 'concurrency',
    measure: '8 ÷ bare undici',
    atLeast: 0.6,
    format: times,
  },
  {
    text: 'a fetch of each of 10,000 origins ÷ fetches of one origin',
    benchmark: 'origins',
    measure: '10,000 ÷ 1',
    atLeast: 0.35,
    format: times,
  },
  {
    text: 'CPU of Redis for a fetch of each of 10,000 origins',
    benchmark: 'origins',
    measure: 'Redis µs per fetch of 10,000',
    atMost: 60,
    format: micros,
  },
  ...[1, 4].flatMap((workers) =>
    [0, 20, 100].map((latencyMs) => {
      const measure = `${latencyMs} ms, ${workers} worker${workers === 1 ? '' : 's'}`;
      return {
        text: `with a rate that does not bind ÷ without: ${measure}`,
        benchmark: 'rate',
        measure,
        atLeast: 0.9,
        format: times,
      };
    }),
  ),
  {
    text: '1,000,000 fetches: throughput ÷ that of 20,000',
    benchmark: 'growth',
    measure: 'million ÷ 20,000',
    atLeast: 0.9,
    format: times,
  },
  {
    text: '1,000,000 fetches: growth of the resident memory of the worker in the second half',
    benchmark: 'growth',
    measure: 'worker growth after warm-up',
    atMost: 0.1,
    format: percent,
  },
  {
    text: '1,000,000 fetches: Redis above empty, at most',
    benchmark: 'growth',
    measure: 'Redis above empty',
    atMost: 60e6,
    format: mib,
  },
  {
    text: '1,000,000 fetches: indexes without exactly one record',
    benchmark: 'growth',
    measure: 'inexact records',
    atMost: 0,
    format: count,
  },
  {
    text: 'enqueue',
    benchmark: 'enqueue',
    measure: 'fetches per second',
    atLeast: 200_000,
    format: perSecond,
  },
  {
    text: 'bytes of Redis for a pending fetch',
    benchmark: 'enqueue',
    measure: 'Redis bytes per fetch',
    atMost: 60,
    format: plain,
  },
  ...['1,000,000', '10,000,000'].map((records) => ({
    text: `export of ${records} records`,
    benchmark: 'export',
    measure: `${records} records`,
    atLeast: 200_000,
    format: perSecond,
  })),
  {
    text: 'memory of the export of 10,000,000 records ÷ that of 1,000,000',
    benchmark: 'export',
    measure: 'memory growth',
    atMost: 1.5,
    format: times,
  },
];

export function judge(results: readonly StoredResult[]): Verdict[] {
  return TARGETS.map((target) => {
    const found = results.find(({ name }) => name === target.benchmark);
    const measured = found?.findings.measures[target.measure];
    return { target, measured, isMet: measured && meets(target, measured.median) };
  });
}

function meets({ atLeast, atMost }: Target, value: number): boolean {
  return (
    value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY)
  );
}
