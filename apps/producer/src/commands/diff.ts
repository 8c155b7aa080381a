import { printable } from '@fetchfleet/crawl';
import {
  type Change,
  CHANGES,
  diffBatches,
  findPredecessor,
  type ListedChange,
  type Manifest,
  ResultsNotFoundError,
} from '@fetchfleet/results';
import { explainResults } from '../batch/explain-results.ts';
import type { Context } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import { readPlaces } from '../core/settings.ts';
import type { Terminal } from '../core/terminal.ts';
import { countOf, formatCount } from '../report/units.ts';
import { withBatches } from '../results/check-out.ts';
import { namesOf, type OpenPlace, openPlaces } from '../results/open-place.ts';

export interface DiffOptions {
  /** Changes whose records are listed. */
  readonly list?: readonly string[];
  readonly results?: readonly string[];
  readonly json?: boolean;
}

/**
 * `fetchfleet diff BATCH [BATCH]`: counts what was added, changed and removed from the older batch
 * to the newer one. Needs no Redis.
 */
export async function diff(
  [batch, other]: readonly [batch: string, other: string | undefined],
  options: DiffOptions,
  context: Context,
): Promise<ExitCode> {
  const list = readList(options.list);
  const places = await openPlaces(readPlaces(options.results, context), context);
  try {
    // It may copy a batch, too. A signal ends the process at once meanwhile.
    const [older, newer] = await inOrder(places, batch, other);
    return await compare({ places, older, newer, list, options }, context);
  } catch (error) {
    throw await explainResults(error, batch, places);
  }
}

interface Comparison {
  readonly places: readonly OpenPlace[];
  readonly older: string;
  readonly newer: string;
  readonly list: ReadonlySet<Change>;
  readonly options: DiffOptions;
}

async function compare(
  { places, older, newer, list, options }: Comparison,
  context: Context,
): Promise<ExitCode> {
  const { drain: signal } = context.interrupts.takeOver();
  const { terminal } = context;
  const onListed = async (listed: ListedChange): Promise<void> =>
    terminal.printNext(options.json === true ? JSON.stringify(listed) : lineOf(listed));
  try {
    const needsBodies = !(await haveHashes(places, [older, newer]));
    const source = { places, batches: [older, newer], needsBodies, signal };
    const { counts, missing } = await withBatches(source, context, async (dirs) =>
      diffBatches({ dirs, older, newer, list, onListed, signal }),
    );
    if (options.json === true && list.size === 0) {
      terminal.printJson({ older, newer, ...counts, missing });
    } else if (list.size === 0) {
      terminal.print(
        `From ${older}`,
        `  to ${newer}`,
        ...CHANGES.map((change) => row(change, counts)),
      );
    } else {
      terminal.note(CHANGES.map((change) => row(change, counts).trim()).join(', '));
    }
    return conclude(missing, terminal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

function readList(names: readonly string[] = []): ReadonlySet<Change> {
  const known: readonly string[] = CHANGES;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new CommandError(`--list: "${unknown}" is none of ${CHANGES.join(', ')}`, {
      code: 'INPUT_INVALID',
    });
  }
  return new Set(CHANGES.filter((change) => names.includes(change)));
}

/** Whatever the order on the command line: a comparison goes forward in time. */
async function inOrder(
  places: readonly OpenPlace[],
  batch: string,
  other: string | undefined,
): Promise<readonly [older: string, newer: string]> {
  if (other === undefined) {
    const stores = places.map(({ store }) => store);
    const before = await findPredecessor(stores, batch);
    if (before === undefined) {
      const message = `there is no finished batch before ${batch} in ${namesOf(places)}; name one`;
      throw new CommandError(message, { code: 'RESULTS_MISSING' });
    }
    return [before, batch];
  }
  const [one, two] = [await createdAt(places, batch), await createdAt(places, other)];
  return one > two ? [other, batch] : [batch, other];
}

/** Whether workers have recorded the hashes of all bodies, so that these are compared instead. */
async function haveHashes(
  places: readonly OpenPlace[],
  batches: readonly string[],
): Promise<boolean> {
  const manifests = await Promise.all(batches.map(async (batch) => manifestOf(places, batch)));
  return manifests.every((manifest) => manifest?.revalidate !== undefined);
}

/**
 * Empty if nobody knows.
 *
 * @throws CommandError (exit 2) that names this batch of the two, if no place has it
 */
async function createdAt(places: readonly OpenPlace[], batch: string): Promise<string> {
  try {
    const manifest = await manifestOf(places, batch);
    const isThere = manifest !== undefined || (await hasRecords(places, batch));
    if (!isThere) {
      throw new ResultsNotFoundError(`there are no results of ${batch}`);
    }
    return manifest?.createdAt ?? '';
  } catch (error) {
    throw await explainResults(error, batch, places);
  }
}

async function hasRecords(places: readonly OpenPlace[], batch: string): Promise<boolean> {
  const found = await Promise.all(places.map(async ({ store }) => store.measure(batch)));
  return found.some((one) => one !== undefined);
}

async function manifestOf(
  places: readonly OpenPlace[],
  batch: string,
): Promise<Manifest | undefined> {
  for (const { store } of places) {
    const manifest = await store.manifest(batch);
    if (manifest !== undefined) {
      return manifest;
    }
  }
  return undefined;
}

function row(change: Change, counts: Readonly<Record<Change, number>>): string {
  return `  ${formatCount(counts[change])} ${change}`;
}

function lineOf({ change, index, page, method, url, outcome }: ListedChange): string {
  const at = page === undefined ? `${index}` : `${index}/${page}`;
  const asked = method === undefined ? url : `${method} ${url}`;
  const why = change === 'failed' ? ` ${outcome}` : '';
  return printable(`${change} ${at} ${asked}${why}`);
}

/** @returns exit 1 if records are missing */
function conclude(missing: number, terminal: Terminal): ExitCode {
  if (missing === 0) {
    return EXIT.ok;
  }
  terminal.warn(`no record is here of ${countOf(missing, 'fetch')} of the two batches`);
  return EXIT.someFailed;
}
