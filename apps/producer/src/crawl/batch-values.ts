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
import type { CheckedOut, FoundBatch, SelectSummary } from '@fetchfleet/results';
import type { Place } from '@fetchfleet/results/place';
import type { Context } from '../core/context.ts';
import type { Terminal } from '../core/terminal.ts';
import { formatCount } from '../report/units.ts';
import type { OpenPlace } from '../results/open-place.ts';

/**
 * The values that parameters of a crawl take from earlier batches, out of the place of results.
 * What has to be copied to be read is copied once, and removed when this is disposed of.
 */
export class EarlierBatches implements AsyncDisposable {
  readonly #place: Place;
  readonly #context: Context;
  /** Batches that are checked out. */
  readonly #copies = new Map<string, CheckedOut>();
  #opened: Promise<OpenPlace> | undefined;

  constructor(place: Place, context: Context) {
    this.#place = place;
    this.#context = context;
  }

  /**
   * The crawl with the ids of the batches that its parameters name: from here on it means the
   * records of these batches, whatever is fetched later.
   *
   * @param fileName the crawl file, for messages
   * @throws InputError with every batch that is missing or unfinished
   */
  async pin(crawl: Crawl, fileName: string): Promise<Crawl> {
    const problems: Problem[] = [];
    const sources: ParameterSource[] = [];
    for (const source of crawl.sources) {
      if (source.kind !== 'batch') {
        sources.push(source);
        continue;
      }
      const found = await this.#find(source.batch);
      if (found.state === 'finished') {
        sources.push({ ...source, batch: found.batch });
      } else {
        const message = problemOf(found, source.batch, this.#place.location);
        problems.push({ file: fileName, key: `${keyOf(source)}.batch`, message });
      }
    }
    if (problems.length > 0) {
      throw new InputError(problems);
    }
    return { ...crawl, sources };
  }

  /** Reads the values of a batch. */
  get open(): OpenBatch {
    return ({ name, batch, select }, signal) =>
      this.#values({ batch, select, path: compile(select, name), signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release([...this.#copies.keys()]);
  }

  async *#values({ batch, select, path, signal }: Values): AsyncGenerator<string> {
    const { location: results } = this.#place;
    const { terminal } = this.#context;
    const { ResultsNotFoundError, selectedValues } = await import('@fetchfleet/results');
    let summary: SelectSummary | undefined;
    const onEnd = (ended: SelectSummary): void => {
      summary = ended;
    };
    try {
      const dir = await this.#checkOut(batch, signal);
      yield* selectedValues({ dir, batch, select: path, ...(signal && { signal }), onEnd });
    } catch (error) {
      if (error instanceof ResultsNotFoundError) {
        throw inputError(batch, `its records are not in ${results} any more`, error);
      }
      throw error;
    }
    if (summary !== undefined) {
      check(summary, { batch, select, results, terminal });
    }
  }

  async #find(idOrName: string): Promise<FoundBatch> {
    const { findFinishedBatch } = await import('@fetchfleet/results');
    const { store } = await this.#open();
    const before = new Set(this.#copies.keys());
    const found = await findFinishedBatch(store, idOrName, {
      checkOut: async (batch) => this.#checkOut(batch),
    });
    const isNeeded = (id: string): boolean =>
      before.has(id) || (found.state === 'finished' && found.batch === id);
    await this.#release([...this.#copies.keys()].filter((id) => !isNeeded(id)));
    return found;
  }

  async #checkOut(batch: string, signal?: AbortSignal): Promise<readonly string[]> {
    const known = this.#copies.get(batch);
    if (known !== undefined) {
      return known.dirs;
    }
    const { checkOut } = await import('../results/check-out.ts');
    const source = { places: [await this.#open()], batch, needsBodies: true, signal };
    const copy = await checkOut(source, this.#context);
    this.#copies.set(batch, copy);
    return copy.dirs;
  }

  /** Few crawls need it, and it takes time to load. */
  async #open(): Promise<OpenPlace> {
    this.#opened ??= import('../results/open-place.ts').then(async ({ openPlace }) =>
      openPlace(this.#place, this.#context),
    );
    return this.#opened;
  }

  async #release(batches: readonly string[]): Promise<void> {
    for (const batch of batches) {
      await this.#copies.get(batch)?.[Symbol.asyncDispose]();
      this.#copies.delete(batch);
    }
  }
}

interface Values {
  readonly batch: string;
  readonly select: string;
  readonly path: Select;
  readonly signal: AbortSignal | undefined;
}

function problemOf(
  found: Exclude<FoundBatch, { state: 'finished' }>,
  wanted: string,
  results: string,
): string {
  const remedy = 'name another place with --results (FETCHFLEET_RESULTS)';
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
