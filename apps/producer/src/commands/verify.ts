import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { BatchExpansion, type BatchStatus } from '@fetchfleet/fleet';
import {
  type ExportSummary,
  firstManifest,
  type PartsContent,
  readLines,
  ResultsNotFoundError,
  verifyParts,
} from '@fetchfleet/results';
import { batchNotOpen, fetchAgain } from '../batch/fetch-again.ts';
import { findBatch } from '../batch/find-batch.ts';
import { knownBatch } from '../crawl/comparison.ts';
import { loadRegisteredCrawl } from '../crawl/load-crawl.ts';
import type { Context } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import { readRunSettings, type RunFlags, type RunSettings } from '../core/settings.ts';
import { warnOfMissingBodies } from '../report/missing-bodies.ts';
import { warnOfSkippedParts } from '../report/skipped-parts.ts';
import { countOf, formatCount } from '../report/units.ts';
import { withBatch } from '../results/check-out.ts';
import { namesOf, type OpenPlace } from '../results/open-place.ts';
import { resultsOf } from '../results/results-of.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';

export interface VerifyOptions extends Omit<RunFlags, 'results'> {
  readonly results?: readonly string[];
  readonly json?: boolean;
  /** Fetch again what the ledger counts and the results lack. */
  readonly repair?: boolean;
  readonly wait?: boolean;
}

interface Comparison {
  readonly status: BatchStatus;
  /** Those that were read. */
  readonly places: readonly OpenPlace[];
  readonly content: PartsContent;
  readonly isMissing: (index: number) => boolean;
  readonly missing: number;
  /** Records whose bodies are in earlier batches; undefined if there are none. */
  readonly bodies: Pick<ExportSummary, 'unchanged' | 'missingBodies'>;
}

/**
 * `fetchfleet verify BATCH`: compares the records of a batch with its ledger. What the ledger
 * counts and no part holds is missing, and `--repair` fetches it again.
 */
export async function verify(
  batch: string,
  options: VerifyOptions,
  context: Context,
): Promise<ExitCode> {
  const { results, ...flags } = options;
  const [first] = results ?? [];
  const own = first === undefined ? flags : { ...flags, results: first };
  const settings = readRunSettings(own, context);
  return withFleet(context, { find: batch }, async (session) => {
    const status = await findBatch(session.ledger, batch);
    const comparison = await compare(session, status, { options, context });
    const mustRepair = options.repair === true && comparison.missing > 0;
    if (mustRepair && (status.state === 'paused' || status.state === 'cancelled')) {
      throw batchNotOpen(status, context);
    }
    print(comparison, options, context);
    if (mustRepair) {
      return repair(session, comparison, { options, settings, context });
    }
    const { missing, content, bodies } = comparison;
    const hasBodies = warnOfMissingBodies(bodies, context.terminal);
    const isWhole =
      missing === 0 && hasBodies && content.foreign === 0 && content.skippedParts.length === 0;
    return isWhole ? EXIT.ok : EXIT.someFailed;
  });
}

interface Invocation {
  readonly options: VerifyOptions;
  readonly context: Context;
}

async function compare(
  session: FleetSession,
  status: BatchStatus,
  { options, context }: Invocation,
): Promise<Comparison> {
  const { batch, total } = status;
  const places = await resultsOf(status, options.results, context);
  await Promise.all(places.map(async (place) => assertPlace(status, place, options)));
  // The ledger first: what is settled by then has its record in the parts.
  const isUnsettled = await session.ledger.unsettled(batch);
  // Without a signal: one ends the process at once, also while what is missing is enqueued.
  const read = async (dir: readonly string[]) => ({
    content: await verifyParts({ dir, batch, total }),
    bodies: await findBodies(dir, batch),
  });
  const { content, bodies } = await withBatch(
    { places, batch, needsBodies: true },
    context,
    read,
  ).catch(async (error: unknown) => {
    if (error instanceof ResultsNotFoundError) {
      return read([]);
    }
    throw error;
  });
  const isMissing = (index: number): boolean => !isUnsettled(index) && !content.has(index);
  let missing = 0;
  for (let index = 0; index < total; index += 1) {
    missing += isMissing(index) ? 1 : 0;
  }
  return { status, places, content, isMissing, missing, bodies };
}

/** Looks for the bodies of records that an earlier batch has. */
async function findBodies(dir: readonly string[], batch: string): Promise<Comparison['bodies']> {
  const manifest = await firstManifest(dir, batch);
  const refers = (manifest?.revalidate?.refersTo.length ?? 0) > 0;
  return refers ? readLines({ dir, batch, onLine: () => undefined }) : {};
}

/**
 * A place without this batch is empty if it is the right one. Otherwise all that was fetched would
 * seem to be missing.
 */
async function assertPlace(
  { batch, results, settled }: BatchStatus,
  { place, store }: OpenPlace,
  options: VerifyOptions,
): Promise<void> {
  const { location } = store;
  const isNamed = options.results !== undefined || results === location || settled === 0;
  const isThere =
    place.kind === 'folder'
      ? await isAccessible(isNamed ? location : join(location, batch))
      : isNamed || (await store.measure(batch)) !== undefined;
  if (!isThere) {
    const machine = results !== undefined && isAbsolute(results) ? ' on their machine' : '';
    const elsewhere = results === undefined ? '' : `; workers wrote them to ${results}${machine}`;
    const message = `there are no results of ${batch} in ${location}${elsewhere}`;
    throw new CommandError(`${message}: name the place with --results`, {
      code: 'RESULTS_MISSING',
    });
  }
}

async function isAccessible(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function print(comparison: Comparison, options: VerifyOptions, { terminal }: Context): void {
  const { status, places, content, missing, bodies } = comparison;
  const { unchanged, missingBodies = [] } = bodies;
  const { batch, state, total, settled } = status;
  const { records, pages, torn, doubled, foreign, skippedParts } = content;
  warnOfSkippedParts(skippedParts, terminal);
  if (options.json === true) {
    const repaired = options.repair === true ? missing : 0;
    const whole = { records, pages: pages ?? null };
    const counts = { ...whole, missing, torn, doubled, foreign, skippedParts, repaired };
    const results = places.map(({ store }) => store.location);
    const references = { unchanged: unchanged ?? 0, missingBodies };
    terminal.printJson({ batch, state, total, settled, results, ...counts, ...references });
    return;
  }
  const inPages = pages === undefined ? '' : `, ${countOf(pages, 'page')}`;
  const lines = [
    `${batch} is ${state}: ${formatCount(settled)} of ${formatCount(total)} fetches are settled`,
    `  ${formatCount(records)} have records in ${namesOf(places)}${inPages}`,
    `  ${formatCount(missing)} missing: settled, but without a record${pages === undefined ? '' : ' of each page'}`,
    `  ${formatCount(torn)} torn: lines that are not whole`,
    `  ${formatCount(doubled)} doubled: further records of the same fetches`,
    `  ${formatCount(foreign)} foreign: lines that do not belong to this batch`,
  ];
  terminal.print(...lines);
  if (unchanged !== undefined) {
    terminal.print(`  ${formatCount(unchanged)} unchanged: their bodies are in earlier batches`);
  }
  if (missing > 0 && options.repair !== true) {
    terminal.note('Add --repair to fetch again what is missing');
  }
}

/** The document of the comparison is printed already. */
async function repair(
  session: FleetSession,
  { status, places, isMissing }: Comparison,
  { options, settings, context }: Invocation & { readonly settings: RunSettings },
): Promise<ExitCode> {
  const { batch, total } = status;
  const crawl = await loadRegisteredCrawl(session, status, {
    purpose: 'repaired',
    lists: settings.lists,
    context,
  });
  const indexes = missingIndexes(total, isMissing);
  const results = places[0]?.place ?? settings.results;
  const known = await knownBatch(session, { status, crawl }, { results, context });
  const result = await BatchExpansion.repair(session, known, indexes);
  return fetchAgain(
    {
      session,
      batch,
      result,
      settings: { ...settings, results },
      options: { wait: options.wait === true },
    },
    context,
  );
}

function* missingIndexes(total: number, isMissing: (index: number) => boolean): Generator<number> {
  for (let index = 0; index < total; index += 1) {
    if (isMissing(index)) {
      yield index;
    }
  }
}
