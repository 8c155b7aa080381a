import type { Chart } from './chart.ts';
import type { BenchContext } from './context.ts';
import type { Spread } from './statistics.ts';

/** Cells as text. The first column is a name, the others are figures. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The results of a benchmark. */
export interface Findings {
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  /** The measures for the bars, by name. */
  readonly measures: Readonly<Record<string, Spread | undefined>>;
  /** Notes for the reader: what was missing, what was left out. */
  readonly remarks?: readonly string[];
}

export interface Benchmark {
  /** Name on the command line and of its files. */
  readonly name: string;
  readonly title: string;
  /** Describes the benchmark in Markdown. */
  readonly about: string;
  /** Whether it runs only if it is named. @default false */
  readonly isExtra?: boolean;
  run(context: BenchContext): Promise<Findings>;
}
