import { resolve } from 'node:path';
import {
  type Crawl,
  crawlWarnings,
  fingerprintOf,
  isStoredList,
  LocalCrawl,
  namedSecrets,
  type OpenList,
  totalWithOnly,
  withOnly,
} from '@fetchfleet/crawl';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import { Place } from '@fetchfleet/results/place';
import {
  type BatchStatus,
  type MeasuredCrawl,
  type ScheduleLists,
  UnknownBatchError,
} from '@fetchfleet/fleet';
import { CommandError, Problems } from '../core/errors.ts';
import type { Context } from '../core/context.ts';
import { proxyRoutes } from '../core/proxy-routes.ts';
import { type ListAccess, type ListFlags, readListAccess, readPlaces } from '../core/settings.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { EarlierBatches } from './batch-values.ts';
import { type CrawlChanges, crawlChanges, listPlaces } from './crawl-changes.ts';
import { type NotifyFlags, secretPlanOf, withNotify } from './notify-flag.ts';
import { type OnlyFlags, readOnly } from './only-flags.ts';
import { checkStoredLists } from './stored-lists.ts';

/** Which lists a command may read for a crawl file, and where the results are. */
interface LoadAccess extends Pick<ListAccess, 'allowPrivate'> {
  /** @default as the environment says */
  readonly results?: Place | undefined;
}

interface LoadOptions extends LoadAccess {
  readonly context: Context;
  readonly flags?: OnlyFlags & NotifyFlags;
}

/** A valid crawl file, measured and ready to be enqueued. */
export interface LoadedCrawl extends MeasuredCrawl {
  /** The crawl as it was written, with the ids of the batches that it names. */
  readonly crawl: Crawl;
  /** Variables that the crawl names and that are not set here. */
  readonly missingSecrets: readonly string[];
}

/**
 * Reads the crawl file and streams its lists once.
 *
 * @returns undefined if anything is wrong with it; `problems` then says what
 */
export async function loadCrawl(
  file: string,
  problems: Problems,
  options: LoadOptions,
): Promise<LoadedCrawl | undefined> {
  const path = resolve(options.context.cwd, file);
  return measureCrawl({ path, read: async () => readCrawlFile(path) }, problems, options);
}

/** Where a crawl comes from. */
interface CrawlOrigin {
  /** Relative paths in it begin at the folder of this one. */
  readonly path: string;
  /** @throws InputError */
  readonly read: () => Promise<Crawl>;
}

/** The same for a crawl that need not be a file. */
export async function measureCrawl(
  { path, read }: CrawlOrigin,
  problems: Problems,
  { context, allowPrivate, flags = {}, ...lists }: LoadOptions,
): Promise<LoadedCrawl | undefined> {
  const { env, cwd, terminal } = context;
  // Where the settings are wrong, that is told already.
  const [own] = (await new Problems().collect(() => readPlaces(undefined, context))) ?? [];
  const results = lists.results ?? own ?? Place.parse(cwd, cwd);
  await using earlier = new EarlierBatches(results, context);
  const only = readOnly(flags, problems);
  const whole = await problems.collect(async () => earlier.pin(await read(), path));
  if (whole === undefined) {
    return undefined;
  }
  const told = withNotify(whole, flags, problems);
  const access = { allowPrivate, env, earlier };
  const copied = await problems.collect(async () => localCrawl(told, access));
  const size = await problems.collect(async () => copied?.measure());
  if (copied === undefined || size === undefined) {
    return undefined;
  }
  for (const warning of crawlWarnings(told, size)) {
    terminal.warn(warning);
  }
  const crawl = withOnly(told, only, size.total);
  const local = { original: crawl, crawl: withOnly(copied.crawl, only, size.total) };
  return {
    crawl,
    source: path,
    total: totalWithOnly(crawl.only, size.total),
    fingerprint: await fingerprintOf(crawl, local.crawl),
    local,
    missingSecrets: namedSecrets(secretPlanOf(crawl)).filter((name) => !env[name]),
  };
}

/**
 * The same for a command that needs nothing else to be right.
 *
 * @param consequence of a problem: `nothing was enqueued`
 * @throws CommandError (exit 2) with every problem
 */
export async function requireCrawl(
  file: string,
  flags: Pick<ListFlags, 'allowPrivate' | 'results'> & OnlyFlags & NotifyFlags,
  { context, consequence }: { readonly context: Context; readonly consequence: string },
): Promise<LoadedCrawl> {
  const problems = new Problems();
  const lists = await problems.collect(() => readListAccess(flags, context));
  const { allowPrivate = false, results } = lists ?? {};
  const loaded = await loadCrawl(file, problems, { context, allowPrivate, results, flags });
  problems.throwIfAny(consequence);
  if (loaded === undefined) {
    throw new Error('internal error: no problem was reported');
  }
  return loaded;
}

/**
 * The crawl of a registered batch, with every list on this machine.
 *
 * @param options.purpose what the command wants to do: `resumed`
 * @throws CommandError (exit 2) if a list has changed, so that indexes would mean other fetches, or
 *   if Redis names one that the command may not read
 */
export async function loadRegisteredCrawl(
  session: FleetSession,
  status: BatchStatus,
  {
    purpose,
    lists,
    context,
  }: { readonly purpose: string; readonly lists: ListAccess; readonly context: Context },
): Promise<Crawl> {
  const { batch, fingerprint } = status;
  const { cwd, env } = context;
  await using earlier = new EarlierBatches(lists.results, context);
  const crawl = await session.ledger.crawl(batch);
  if (crawl !== undefined) {
    await checkStoredLists(crawl, status, { cwd, ...lists });
  }
  const access = {
    // Nobody else writes to the Redis of a folder: its batches are those of `run`.
    allowPrivate: lists.allowPrivate || session.isPrivate,
    env,
    stored: session.schedules.lists,
    earlier,
  };
  const local = crawl === undefined ? undefined : await localCrawl(crawl, access);
  if (local !== undefined && (await local.fingerprint()) === fingerprint) {
    return local.crawl;
  }
  const places = listPlaces(crawl?.sources ?? []);
  throw new CommandError(
    `${batch} cannot be ${purpose}: its lists have changed since it was started ` +
      `(${places.join(', ')}); put them back, or start a new batch`,
    { code: 'LISTS_CHANGED' },
  );
}

/**
 * What was edited in a crawl file since a batch of its name was started.
 *
 * @param loaded the crawl file as it is now
 */
export async function changesSince(
  session: FleetSession,
  { batch, fingerprint }: BatchStatus,
  loaded: LoadedCrawl,
): Promise<CrawlChanges> {
  const before = await session.ledger.crawl(batch);
  if (before === undefined) {
    throw new UnknownBatchError(batch);
  }
  const hasSameLists = (await fingerprintOf(before, loaded.local.crawl)) === fingerprint;
  return crawlChanges(before, loaded.crawl, hasSameLists);
}

/**
 * Copies the lists of a crawl to this machine. The copies are removed when the process exits, for
 * whatever reason.
 */
async function localCrawl(crawl: Crawl, access: RemoteListAccess): Promise<LocalCrawl> {
  return LocalCrawl.of(crawl, openList(access), {
    openBatch: access.earlier.open,
  });
}

interface RemoteListAccess extends Pick<ListAccess, 'allowPrivate'> {
  /** Says which proxy lists come through. */
  readonly env: Context['env'];
  readonly earlier: EarlierBatches;
  /** The lists of batches that a schedule has started. @default none */
  readonly stored?: ScheduleLists;
}

/** Private addresses need both the crawl and whoever runs the command to allow them. */
function openList({ allowPrivate, env, stored }: Omit<RemoteListAccess, 'earlier'>): OpenList {
  return async ({ path }, { plan }, signal) => {
    if (isStoredList(path) && stored !== undefined) {
      return [await stored.read(path)];
    }
    const { createFetcher, fetchList, USER_AGENT } = await import('@fetchfleet/fetcher');
    const fetcher = createFetcher({
      transport: 'native',
      allowPrivate,
      routes: await proxyRoutes(env),
      userAgent: USER_AGENT,
    });
    try {
      return [await fetchList(fetcher, path, { network: plan.network, signal })];
    } finally {
      await fetcher.stop();
    }
  };
}
