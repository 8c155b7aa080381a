import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { internet, type InternetOptions } from '../simulation/internet.ts';
import { simulate, type Simulated, type Span } from '../simulation/simulate.ts';
import { costsOf } from './costs.ts';
import type { Slopes } from './slopes.ts';

const FILE = fileURLToPath(new URL('./simulated.json', import.meta.url));

export interface Variant {
  readonly name: string;
  readonly options: Omit<InternetOptions, 'workerCost' | 'redisCost'>;
}

/** The variant that machines, disk and costs are counted for. */
export const BASE: Variant = { name: 'at most 8,000 of one origin', options: { most: 8_000 } };

/** Days of the internet. Each differs from the base in one thing. */
export const VARIANTS: readonly Variant[] = [
  BASE,
  { name: 'as many as 1/s allows', options: { most: 65_000 } },
  { name: 'the tail as it is', options: {} },
  { name: '40 workers', options: { ...BASE.options, workers: 40 } },
  { name: 'one Redis', options: { ...BASE.options, shards: 1 } },
];

/** One day, simulated: its pace over time, and everything else of its busiest half hour. */
export interface Day extends Omit<Simulated, 'spans'> {
  readonly name: string;
  /** Fetches per second, for each half hour. */
  readonly paces: readonly number[];
  readonly busiest: Span;
}

/** All days, and the costs that they were simulated with. */
export interface Days {
  readonly costs: ReturnType<typeof costsOf>;
  readonly days: readonly Day[];
}

export function simulateDay({ name, options }: Variant, slopes: Slopes): Day {
  const { spans, ...result } = simulate(internet({ ...options, ...costsOf(slopes) }));
  const [first, ...others] = spans;
  if (first === undefined) {
    throw new RangeError(`"${name}" has no steps`);
  }
  const busiest = others.reduce((most, span) => (span.pace > most.pace ? span : most), first);
  const paces = spans.map(({ pace }) => Math.round(pace));
  return { name, ...result, paces, busiest };
}

export async function readDays(): Promise<Days> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by writeDays()
  return JSON.parse(await readFile(FILE, 'utf8')) as Days;
}

export async function writeDays(days: Days): Promise<void> {
  await writeFile(FILE, `${JSON.stringify(days, undefined, 2)}\n`);
}
