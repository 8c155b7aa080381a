import type { Crawl } from '@fetchfleet/crawl';
import { BatchExpansion, type BatchStatus } from '@fetchfleet/fleet';
import { findBatch, findUnfinishedOfName } from '../batch/find-batch.ts';
import { isAllQueued } from '../batch/is-all-queued.ts';
import {
  changesSince,
  loadCrawl,
  type LoadedCrawl,
  loadRegisteredCrawl,
} from '../crawl/load-crawl.ts';
import { knownBatch, withComparison } from '../crawl/comparison.ts';
import { secretProblems } from '../crawl/local-secrets.ts';
import { addReceivers, applyNotify, type NotifyFlags, secretPlanOf } from '../crawl/notify-flag.ts';
import { type OnlyFlags, onlyWords } from '../crawl/only-flags.ts';
import { resumePaused } from '../batch/resume-paused.ts';
import { runBatch, type RunBatchOptions } from '../batch/run-batch.ts';
import { CommandTracing } from '../core/command-tracing.ts';
import { type Context, programName } from '../core/context.ts';
import { CommandError, type ExitCode, Problems } from '../core/errors.ts';
import {
  type ListAccess,
  readRunSettings,
  type RunFlags,
  type RunSettings,
} from '../core/settings.ts';
import { shellWord } from '../core/shell-word.ts';
import { type PageFlags, type RunPage, startPage } from '../local/run-page.ts';
import { countOf, formatCount } from '../report/units.ts';
import { probe } from '../results/open-place.ts';
import { FleetSession } from '../session/fleet-session.ts';
import { validate } from './validate.ts';

export interface RunOptions extends RunFlags, OnlyFlags, NotifyFlags, PageFlags {
  readonly json?: boolean;
  /** Start another batch even if an unfinished one could be continued. */
  readonly new?: boolean;
  /** Continue the unfinished batch of this name with the crawl that it was started with. */
  readonly resume?: boolean;
  /** Fetch nothing, but show what would be fetched. */
  readonly dryRun?: boolean;
}

/** `fetchfleet run FILE`: everything on this machine. */
export async function run(file: string, options: RunOptions, context: Context): Promise<ExitCode> {
  if (options.dryRun === true) {
    const settings = readRunSettings(options, context); // wrong ones are told, too
    // As for its workers: `run` allows private addresses to the crawl file of its user.
    return validate(file, { ...options, allowPrivate: true }, context, ({ crawl }) =>
      problemsOfSecrets(settings, crawl, { file, env: context.env }),
    );
  }
  const { settings, loaded } = await prepare(file, options, context);
  process.umask(settings.umask);
  await probe(settings.results, context);
  return CommandTracing.use(context, async (tracing) =>
    fetchHere({ file, settings, loaded, options, tracing }, context),
  );
}

interface Prepared {
  readonly file: string;
  readonly settings: RunSettings;
  readonly loaded: LoadedCrawl;
  readonly options: RunOptions;
  readonly tracing: CommandTracing;
}

async function fetchHere(prepared: Prepared, context: Context): Promise<ExitCode> {
  const { file, settings, loaded, options, tracing } = prepared;
  const session = await FleetSession.open(context, 'start');
  let page: RunPage | undefined;
  try {
    await session.checkBeforeEnqueueing(context);
    const work = await chooseBatch(session, loaded, {
      file,
      options,
      lists: settings.lists,
      tracing,
      context,
    });
    const { before, isRepeated } = work;
    announce(before, isRepeated, context);
    if (before.state === 'paused') {
      await resumePaused(session, before.batch);
    }
    const flags = [...(options.resume === true ? ['--resume'] : []), ...onlyWords(options)];
    // Not as an option, which other users of the machine would see: it may hold a password.
    const own = { REDIS_URL: session.url, FETCHFLEET_RESULTS: settings.results.url };
    const { terminal } = context;
    const env = { ...context.env, ...own };
    page = startPage(options, { batch: before.batch, env, terminal });
    return await runBatch(
      {
        session,
        settings,
        ...work,
        // As the file says, whatever Redis has of the batch.
        plan: secretPlanOf(loaded.crawl),
        isJson: options.json === true,
        continueCommand: [programName(context), 'run', shellWord(file), ...flags].join(' '),
      },
      context,
    );
  } finally {
    await page?.stop();
    await session.close();
  }
}

type Work = Pick<RunBatchOptions, 'before' | 'expansion' | 'isRepeated'>;

interface Invocation {
  readonly file: string;
  readonly options: RunOptions;
  readonly lists: ListAccess;
  readonly tracing: CommandTracing;
  readonly context: Context;
}

/**
 * The batch to fetch: the unfinished one of the same crawl, the unfinished one of the same name as
 * far as that is what the user wants, or a new one.
 */
async function chooseBatch(
  session: FleetSession,
  loaded: LoadedCrawl,
  invocation: Invocation,
): Promise<Work> {
  const { options } = invocation;
  const { name } = loaded.crawl.plan;
  if (options.new === true) {
    return newBatch(session, loaded, invocation);
  }
  const same = await findUnfinished(session, loaded);
  if (same !== undefined) {
    await applyNotify(session, same, loaded.crawl);
    return completed(session, { status: same, crawl: loaded.local.crawl }, invocation);
  }
  const other = await findUnfinishedOfName(session.ledger, name);
  if (options.resume === true) {
    return asStarted(session, other, { name, ...invocation });
  }
  return other === undefined
    ? newBatch(session, loaded, invocation)
    : edited(session, { other, loaded }, invocation);
}

async function newBatch(
  session: FleetSession,
  loaded: LoadedCrawl,
  { lists: { results }, context, tracing }: Invocation,
): Promise<Work> {
  const compared = await withComparison(loaded, results, context);
  const begun = await tracing.expansionOf(compared, session.ledger);
  const expansion = await BatchExpansion.create(session, compared, begun);
  return { before: expansion.status, expansion, isRepeated: false };
}

async function completed(
  session: FleetSession,
  batch: { readonly status: BatchStatus; readonly crawl: Crawl },
  { lists, context }: Pick<Invocation, 'lists' | 'context'>,
): Promise<Work> {
  const known = await knownBatch(session, batch, { results: lists.results, context });
  const expansion = BatchExpansion.complete(session, known);
  return { before: batch.status, expansion, isRepeated: true };
}

/** `--resume`: with the crawl that the batch was started with. */
async function asStarted(
  session: FleetSession,
  before: BatchStatus | undefined,
  { name, ...invocation }: Invocation & { readonly name: string },
): Promise<Work> {
  if (before === undefined) {
    throw new CommandError(`--resume: no batch of "${name}" is unfinished`, {
      code: 'BATCH_NOT_OPEN',
    });
  }
  const crawl = await crawlAsStarted(session, before, invocation);
  await addReceivers(session, before, invocation.options);
  return crawl === undefined
    ? { before, expansion: undefined, isRepeated: true }
    : completed(session, { status: before, crawl }, invocation);
}

/** Undefined if its lists have changed, and all of its slices are queued. */
async function crawlAsStarted(
  session: FleetSession,
  before: BatchStatus,
  { lists, context }: Invocation,
): Promise<Crawl | undefined> {
  try {
    return await loadRegisteredCrawl(session, before, { purpose: 'resumed', lists, context });
  } catch (error) {
    const isOnlyLists = error instanceof CommandError && error.code === 'LISTS_CHANGED';
    if (!isOnlyLists || !(await isAllQueued(session, before.batch))) {
      throw error;
    }
    context.terminal.note('The lists have changed; the fetches that are queued are the old ones');
    return undefined;
  }
}

/**
 * The crawl file was edited since its batch was started. Edits that leave the fetches as they are
 * hold for that batch from now on. About others, only the user can decide.
 */
async function edited(
  session: FleetSession,
  { other, loaded }: { readonly other: BatchStatus; readonly loaded: LoadedCrawl },
  invocation: Invocation,
): Promise<Work> {
  const { file, context } = invocation;
  const { batch } = other;
  const { settings, others } = await changesSince(session, other, loaded);
  if (others.length > 0) {
    throw differs(other, { file, changes: [...others, ...settings] });
  }
  const fingerprint = { before: other.fingerprint, now: loaded.fingerprint };
  // The batch stays compared with what it was started with: its records refer to that.
  const comparedWith = (await session.ledger.crawl(batch))?.plan.comparedWith;
  const plan = { ...loaded.crawl.plan, ...(comparedWith !== undefined && { comparedWith }) };
  if (!(await session.ledger.replacePlan(batch, plan, fingerprint))) {
    // It has ended meanwhile, or another command was faster.
    return newBatch(session, loaded, invocation);
  }
  await applyNotify(session, other, loaded.crawl);
  // Headers in another order are another fingerprint, and no change.
  if (settings.length > 0) {
    context.terminal.note(`Applied to the unfinished batch: ${settings.join(', ')}`);
  }
  const status = await findBatch(session.ledger, batch);
  return completed(session, { status, crawl: loaded.local.crawl }, invocation);
}

function differs(
  { batch, settled, total }: BatchStatus,
  { file, changes }: { readonly file: string; readonly changes: readonly string[] },
): CommandError {
  const done = `${formatCount(settled)} of ${formatCount(total)} done`;
  return new CommandError(
    `batch ${batch} is unfinished (${done}) and was started from another ${file}; add --resume ` +
      'to continue it as it was started, or --new to start another batch beside it',
    {
      code: 'BATCH_DIFFERS',
      problems: changes.map((change) => `${file} differs in ${change}`),
    },
  );
}

async function prepare(
  file: string,
  flags: RunFlags & OnlyFlags & NotifyFlags,
  context: Context,
): Promise<{ settings: RunSettings; loaded: LoadedCrawl }> {
  const problems = new Problems();
  const settings = await problems.collect(() => readRunSettings(flags, context));
  // Like its workers: the crawl file is its user's own.
  const lists = { allowPrivate: true, results: settings?.results };
  const loaded = await loadCrawl(file, problems, { context, flags, ...lists });
  if (loaded !== undefined) {
    const { env } = context;
    problems.add(...problemsOfSecrets(settings, loaded.crawl, { file, env }));
  }
  problems.throwIfAny('nothing was enqueued');
  if (settings === undefined || loaded === undefined) {
    throw new Error('internal error: no problem was reported');
  }
  return { settings, loaded };
}

/** @param settings undefined if they are wrong */
function problemsOfSecrets(
  settings: RunSettings | undefined,
  crawl: Crawl,
  { file, env }: { readonly file: string; readonly env: Context['env'] },
): readonly string[] {
  return secretProblems(settings, secretPlanOf(crawl), env).map((problem) => `${file}: ${problem}`);
}

async function findUnfinished(
  { ledger }: FleetSession,
  { fingerprint }: LoadedCrawl,
): Promise<BatchStatus | undefined> {
  const id = await ledger.findUnfinished(fingerprint);
  return id === undefined ? undefined : findBatch(ledger, id);
}

function announce(before: BatchStatus, isRepeated: boolean, { terminal }: Context): void {
  if (!isRepeated) {
    terminal.note(`Batch ${before.batch}: ${countOf(before.total, 'fetch')}`);
    return;
  }
  const done = `${formatCount(before.settled)} of ${formatCount(before.total)} are done`;
  const was = before.state === 'paused' ? ', it was paused' : '';
  terminal.note(`Continuing batch ${before.batch}${was}: ${done} (--new starts another one)`);
}
