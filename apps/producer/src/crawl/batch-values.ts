import {
  compileSelect,
  type Crawl,
  InputError,
  keyOf,
  type OpenBatch,
  type ParameterSource,
  type Problem,
  type Select,
  SelectError,
} from '@fetchfleet/crawl';
import type { FoundBatch, SelectSummary } from '@fetchfleet/results';
import type { Terminal } from '../core/terminal.ts';
import { formatCount } from '../report/units.ts';

/**
 * The crawl with the ids of the batches that its parameters name: from here on it means the records
 * of these batches, whatever is fetched later.
 *
 * @param fileName the crawl file, for messages
 * @throws InputError with every batch that is missing or unfinished
 */
export async function pinBatches(
  crawl: Crawl,
  { results, fileName }: { readonly results: string; readonly fileName: string },
): Promise<Crawl> {
  if (crawl.sources.every(({ kind }) => kind !== 'batch')) {
    return crawl;
  }
  // Few crawls need it, and it takes time to load.
  const { findFinishedBatch } = await import('@fetchfleet/results');
  const problems: Problem[] = [];
  const sources: ParameterSource[] = [];
  for (const source of crawl.sources) {
    if (source.kind !== 'batch') {
      sources.push(source);
      continue;
    }
    const found = await findFinishedBatch(results, source.batch);
    if (found.state === 'finished') {
      sources.push({ ...source, batch: found.batch });
    } else {
      const message = problemOf(found, source.batch, results);
      problems.push({ file: fileName, key: `${keyOf(source)}.batch`, message });
    }
  }
  if (problems.length > 0) {
    throw new InputError(problems);
  }
  return { ...crawl, sources };
}

function problemOf(
  found: Exclude<FoundBatch, { state: 'finished' }>,
  wanted: string,
  results: string,
): string {
  const remedy = 'name another results folder with --results DIR (FETCHFLEET_RESULTS)';
  return found.state === 'unknown'
    ? `there is no batch with the id or name "${wanted}" in ${results}; ${remedy}`
    : `${unfinished(found.batch, found.missing, results)}; ${remedy}`;
}

function unfinished(batch: string, missing: number | undefined, results: string): string {
  if (missing === undefined) {
    return `batch ${batch} is not finished: the manifest in ${results} has no number of fetches yet`;
  }
  const fetches = missing === 1 ? '1 fetch has' : `${formatCount(missing)} fetches have`;
  return `batch ${batch} is not finished: ${fetches} no record in ${results}`;
}

/** Reads the values of batches from the results folder. */
export function openBatchFrom(results: string, terminal: Terminal): OpenBatch {
  return async function* open({ name, batch, select }, signal) {
    const path = compile(select, name);
    const { ResultsNotFoundError, selectedValues } = await import('@fetchfleet/results');
    let summary: SelectSummary | undefined;
    const onEnd = (ended: SelectSummary): void => {
      summary = ended;
    };
    try {
      yield* selectedValues({ dir: results, batch, select: path, signal, onEnd });
    } catch (error) {
      if (error instanceof ResultsNotFoundError) {
        throw inputError(batch, `its records are not in ${results} any more`, error);
      }
      throw error;
    }
    if (summary !== undefined) {
      check(summary, { batch, select, results, terminal });
    }
  };
}

interface Reading {
  readonly batch: string;
  readonly select: string;
  readonly results: string;
  readonly terminal: Terminal;
}

function check(
  { values, records, notJson, missing, missingBodies = [] }: SelectSummary,
  { batch, select, results, terminal }: Reading,
): void {
  if (missing > 0) {
    throw inputError(batch, unfinished(batch, missing, results));
  }
  const [lost] = missingBodies;
  if (lost !== undefined) {
    const bodies = lost.records === 1 ? '1 body' : `${formatCount(lost.records)} bodies`;
    throw inputError(batch, `${bodies} of its records are in ${lost.batch}, which ${lost.reason}`);
  }
  if (records === 0) {
    throw inputError(batch, 'it has no successful fetch whose body is JSON');
  }
  if (values === 0) {
    const bodies = records === 1 ? 'the body' : `the ${formatCount(records)} bodies`;
    throw inputError(batch, `${select} selects nothing in ${bodies} of its fetches`);
  }
  if (notJson > 0) {
    const bodies = notJson === 1 ? '1 body' : `${formatCount(notJson)} bodies`;
    terminal.warn(`${bodies} of ${batch} are left out, because they are no JSON`);
  }
}

/** The path may come from Redis. */
function compile(select: string, name: string): Select {
  try {
    return compileSelect(select);
  } catch (error) {
    if (error instanceof SelectError) {
      throw inputError(
        name,
        `${JSON.stringify(select)} is not a JSONPath: ${error.message}`,
        error,
      );
    }
    throw error;
  }
}

function inputError(file: string, message: string, cause?: unknown): InputError {
  return new InputError([{ file, message }], { cause });
}
