import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import { repositoryRoot } from '@fetchfleet/testing';
import { judge } from './bars.ts';
import type { Benchmark } from './benchmark.ts';
import { BENCHMARKS } from './catalogue.ts';
import { BenchContext } from './context.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { type Chapter, reportText, writeReport } from './report.ts';
import { loadResult, saveResult } from './stored-results.ts';

/** Folder of Redis and the results: on the disk of the project, not in a memory file system. */
const SCRATCH = join(repositoryRoot, 'node_modules/.cache/fetchfleet-bench');
const WRONG_INPUT = 2;
/** Name that runs no benchmark and only writes the report. */
const REPORT = 'report';

async function main(options: Options): Promise<void> {
  const chosen = BENCHMARKS.filter(({ name }) => options.names.includes(name));
  if (chosen.length > 0) {
    await runAll(chosen, options);
  }
  await report(options);
}

async function runAll(benchmarks: readonly Benchmark[], options: Options): Promise<void> {
  // Removes the files of an interrupted run.
  await rm(SCRATCH, { recursive: true, force: true });
  await mkdir(SCRATCH, { recursive: true });
  const context = new BenchContext({ ...options, folder: SCRATCH, log: console.error });
  try {
    for (const benchmark of benchmarks) {
      await runOne(benchmark, context, options);
    }
  } finally {
    await context.stop();
    await rm(SCRATCH, { recursive: true, force: true });
  }
}

async function runOne(
  benchmark: Benchmark,
  context: BenchContext,
  options: Options,
): Promise<void> {
  const { rounds, isQuick, isResumed } = options;
  const { name } = benchmark;
  const commit = describeCommit();
  if (isResumed && (await loadResult(name, isQuick))?.commit === commit) {
    console.error(`${name}: measured already`);
    return;
  }
  console.error(`${name}: ${benchmark.title}`);
  const startedAt = performance.now();
  try {
    const findings = await benchmark.run(context);
    const seconds = (performance.now() - startedAt) / 1000;
    const takenAt = new Date().toISOString();
    const machine = describeMachine();
    await saveResult({ name, findings, takenAt, seconds, rounds, isQuick, commit, machine });
  } finally {
    await context.endBenchmark();
  }
}

/** Writes the report of all results; prints quick runs and extra benchmarks only. */
async function report({ names, isQuick, isChecked }: Options): Promise<void> {
  const isShown = ({ name, isExtra = false }: Benchmark): boolean =>
    names.includes(name) || !(isQuick || isExtra);
  const chapters: Chapter[] = [];
  for (const benchmark of BENCHMARKS.filter(isShown)) {
    const result = await loadResult(benchmark.name, isQuick);
    if (result !== undefined) {
      chapters.push({ benchmark, result });
    }
  }
  console.log(reportText(chapters));
  const kept = chapters.filter(({ benchmark }) => benchmark.isExtra !== true);
  if (!isQuick && kept.length > 0) {
    console.error(`written to ${await writeReport(kept)}`);
  }
  const verdicts = judge(chapters.map(({ result }) => result));
  if (isChecked && verdicts.some(({ isMet }) => isMet === false)) {
    process.exitCode = 1;
  }
}

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    const usual = BENCHMARKS.filter(({ isExtra }) => isExtra !== true).map(({ name }) => name);
    return readOptions(args, { known: [...BENCHMARKS.map(({ name }) => name), REPORT], usual });
  } catch (error) {
    console.error(`bench: ${toError(error).message}\n\n${USAGE}`);
    process.exitCode = WRONG_INPUT;
    return undefined;
  }
}

const options = optionsOf(process.argv.slice(2));
if (options !== undefined) {
  await main(options);
}
