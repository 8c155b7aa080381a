import { count, figure, percent } from '../format.ts';
import { SMALL_CASES } from '../simulation/small-cases.ts';
import { compareCase, type RealRuns } from './compared.ts';
import { costsOf } from './costs.ts';
import { PRICES, requirementsOf } from './requirements.ts';
import { BASE, type Day, type Days } from './simulated.ts';
import type { Family, Slopes } from './slopes.ts';

/** The first row is the head. */
export type Rows = readonly (readonly string[])[];

/** Figures that tables show, with their unit. Others are measured as well. */
const FIGURES: Readonly<Record<string, string>> = {
  workerMicros: 'worker, µs',
  redisMicros: 'Redis, µs',
  producerMicros: 'producer, µs',
  commands: 'Redis commands',
  networkBytes: 'bytes to and from Redis',
  redisBytes: 'bytes in Redis',
  diskBytes: 'bytes of records',
  descriptors: 'descriptors',
  residentBytes: 'bytes of a worker',
  connections: 'connections to Redis',
};
/** Figures that mean nothing there: memory of Redis that the next fetches take again. */
const LEFT_OUT: Partial<Record<Family['per'], readonly string[]>> = {
  fetch: ['redisBytes'],
  'paced fetch': ['redisBytes'],
  batch: ['diskBytes'],
};
/** Batches of a day: one an hour, and one for every thousand origins. */
const BATCHES = 24_000;
const ORIGINS = 1_000_000;
const SECONDS_PER_DAY = 86_400;

/** Every slope with the distance of the measured points from its line. */
export function slopeRows({ families }: Slopes): Rows {
  const rows = families.flatMap(({ per, sizes, fits }) =>
    Object.entries(fits)
      .filter(([name]) => FIGURES[name] !== undefined && !LEFT_OUT[per]?.includes(name))
      .map(([name, { slope, intercept, residual }]) => [
        per,
        FIGURES[name] ?? name,
        figure(slope),
        figure(intercept),
        percent(residual),
        sizes.map(count).join(', '),
      ]),
  );
  return [['per', 'what', 'slope', 'at zero', 'farthest point', 'sizes'], ...rows];
}

export function familyRows({ families }: Slopes): Rows {
  return [['slope', 'how it is measured'], ...families.map(({ per, about }) => [per, about])];
}

/** The small cases: real, simulated, and how far apart these are. */
export function comparedRows(runs: RealRuns): Rows {
  const rows = SMALL_CASES.map((given) => {
    const { name, real, simulated, secondsError, paceError } = compareCase(given, runs);
    return [
      name,
      `${real.seconds.toFixed(1)} s`,
      `${simulated.seconds.toFixed(1)} s`,
      signed(secondsError),
      `${real.pace.toFixed(1)}/s`,
      `${simulated.pace.toFixed(1)}/s`,
      signed(paceError),
    ];
  });
  return [['case', 'real', 'simulated', 'error', 'real pace', 'simulated', 'error'], ...rows];
}

/** The simulated days side by side. */
export function dayRows({ days }: Days): Rows {
  const lines: readonly (readonly [string, (day: Day) => string])[] = [
    ['fetches done', ({ done }) => `${(done / 1e6).toFixed(0)} M`],
    ['share of all', ({ done, fetches }) => percent(done / fetches)],
    ['origins with fetches left', ({ unfinishedOrigins }) => count(unfinishedOrigins)],
    ['fetches/s, idlest half hour', ({ paces }) => count(Math.min(...paces))],
    ['fetches/s, busiest half hour', ({ busiest }) => count(busiest.pace)],
    ['fetches in flight', ({ busiest }) => count(busiest.inFlight)],
    ['share of what limits allow', ({ used }) => percent(used.mean)],
    ['places in flight that are used', ({ places }) => percent(places.mean)],
    ['cores of all workers', ({ busiest }) => figure(busiest.workerCores)],
    ['cores of Redis', ({ busiest }) => figure(busiest.redisCores)],
    ['busiest Redis, of a core', ({ busiestShard }) => percent(busiestShard.peak)],
    ['longest wait for a worker', ({ longestWait }) => `${count(longestWait)} s`],
    ['most fetches pending', ({ mostPending }) => `${(mostPending / 1e6).toFixed(1)} M`],
    ['failed or refused requests', ({ wasted }) => count(wasted)],
    ['requests made twice', ({ repeated }) => count(repeated)],
  ];
  return [
    ['', ...days.map(({ name }) => name)],
    ...lines.map(([name, of]) => [name, ...days.map(of)]),
  ];
}

/** What the base takes. @throws Error if it was not simulated */
export function requirementRows({ days }: Days, slopes: Slopes): Rows {
  const day = days.find(({ name }) => name === BASE.name);
  if (day === undefined) {
    throw new Error(`"${BASE.name}" was not simulated: npm run simulate -- --all`);
  }
  const need = requirementsOf(day, slopes, { origins: ORIGINS, batches: BATCHES });
  return [
    ['what', 'how much'],
    ['fetches per second', count(need.pace)],
    ['fetches in flight', count(need.inFlight)],
    ['cores that workers use', figure(need.workerCores)],
    ['memory of workers', gigabytes(need.workerMemoryBytes)],
    ['machines of 8 cores and 32 GB for workers', count(need.machines)],
    ['descriptors of all workers', count(need.descriptors)],
    ['cores that Redis uses', figure(need.redisCores)],
    ['instances of Redis, each half busy', count(need.shards)],
    ['memory of Redis', gigabytes(need.redisMemoryBytes)],
    ['network of Redis', bits(need.redisBitsPerSecond)],
    ['network to the internet', bits(need.networkBitsPerSecond)],
    ['records of a day, not compressed', `${figure(need.diskBytesPerDay / 1e12)} TB`],
    ['written to disk', `${figure(need.diskBytesPerSecond / 1e6)} MB/s`],
    ['cores and memory for a day', figure(need.computeCost)],
    ['records of one day, kept for a month', figure(need.storageCost)],
  ];
}

/** Where one instance of Redis, or one core of workers, is fully busy. */
export function boundRows(slopes: Slopes): Rows {
  const { workerCost, redisCost } = costsOf(slopes);
  return [
    ['fully busy', 'fetches', 'in a day'],
    boundRow('one Redis, each fetch waits for its turn', redisCost.paced),
    boundRow('one Redis, many fetches of an origin at once', redisCost.bulk),
    boundRow('one Redis, one fetch of each origin', redisCost.visit + redisCost.bulk),
    boundRow('one core of a worker, 50 kB, each fetch waits for its turn', workerCost.paced),
    boundRow('one core of a worker, 50 kB, many fetches of an origin at once', workerCost.bulk),
    boundRow(
      'one core of a worker, 50 kB, one fetch of each origin',
      workerCost.visit + workerCost.bulk,
    ),
  ];
}

/** @param micros CPU time of one fetch */
function boundRow(name: string, micros: number): string[] {
  const perSecond = 1e6 / micros;
  return [name, `${count(perSecond)}/s`, `${count((perSecond * SECONDS_PER_DAY) / 1e6)} M`];
}

export function priceRows(): Rows {
  return [
    ['unit', 'example of a price'],
    ['core, for an hour', String(PRICES.coreHour)],
    ['GB of memory, for an hour', String(PRICES.memoryGigabyteHour)],
    ['GB stored, for a month', String(PRICES.storedGigabyteMonth)],
  ];
}

function signed(share: number): string {
  return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
}

function gigabytes(bytes: number): string {
  return `${figure(bytes / 1e9)} GB`;
}

function bits(perSecond: number): string {
  return perSecond >= 1e9
    ? `${figure(perSecond / 1e9)} Gbit/s`
    : `${figure(perSecond / 1e6)} Mbit/s`;
}
