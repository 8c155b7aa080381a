import type { Chart } from './chart.ts';
import type { BenchContext } from './context.ts';
import type { Spread } from './statistics.ts';

/** Cells as they are shown. The first column is a name, the others are figures. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a benchmark has found. */
export interface Findings {
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  /** What the bars judge, by name. */
  readonly measures: Readonly<Record<string, Spread | undefined>>;
  /** What a reader should know of this run: what was absent, what was left out. */
  readonly remarks?: readonly string[];
}

export interface Benchmark {
  /** As on the command line, and of its files. */
  readonly name: string;
  readonly title: string;
  /** What runs, in a sentence or two of Markdown. */
  readonly about: string;
  /** Runs only when it is named. @default false */
  readonly isExtra?: boolean;
  run(context: BenchContext): Promise<Findings>;
}
