import {
  type Crawl,
  InputError,
  isListFile,
  isStoredList,
  LocalCrawl,
  type OpenList,
  toError,
} from '@fetchfleet/crawl';
import { type Fetcher, fetchList, ListFetchError } from '@fetchfleet/fetcher';
import {
  BatchExpansion,
  type ExpansionTrace,
  type Ledger,
  type MeasuredCrawl,
  type RunAttempt,
  type ScheduleLists,
  type ScheduleRun,
  type ScheduleStore,
  type SliceQueue,
  StoredStateError,
  withoutLocalLists,
} from '@fetchfleet/fleet';
import {
  findComparedBatch,
  type KnownAnswers as RecordedAnswers,
  openKnownAnswers,
  type ResultsStore,
} from '@fetchfleet/results';
import {
  batchAttributes,
  type Logger,
  type Span,
  traceExpansion,
  type Tracing,
} from '@fetchfleet/service';

export interface RunStarterOptions {
  readonly schedules: ScheduleStore;
  readonly lists: ScheduleLists;
  readonly ledger: Ledger;
  readonly queue: SliceQueue;
  /** For lists at URLs. */
  readonly fetcher: Fetcher;
  /** Results of this worker, for batches that are compared with an earlier one. */
  readonly results: ResultsStore;
  readonly log: Logger;
  /** @default nothing is traced */
  readonly tracing?: Tracing | undefined;
}

/** A batch that is to be enqueued. */
interface PlannedBatch {
  readonly batch: string;
  readonly crawl: Crawl;
  /** Path of the crawl file, for people. */
  readonly source: string;
  readonly schedule: string;
  /** Of the run. @default it is not traced */
  readonly span: Span | undefined;
}

interface TracedBatch extends Pick<PlannedBatch, 'batch' | 'schedule' | 'span'> {
  readonly name: string;
  readonly total: number;
}

/**
 * Enqueues the batches of schedule runs. The id of a batch and the ids of its slices depend only on
 * schedule and tick, so another worker may repeat all of it if this one dies half way.
 */
export class RunStarter {
  readonly #options: RunStarterOptions;

  constructor(options: RunStarterOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the batch is enqueued, the run has failed, or it is no longer wanted. Throws to
   * be tried again.
   */
  async start({ schedule, run: key, signal, isLast }: RunAttempt): Promise<void> {
    const { schedules, log } = this.#options;
    const known = await schedules.get(schedule);
    const run = known?.runs.find((one) => one.key === key);
    if (known === undefined || run?.state !== 'starting' || run.batch === undefined) {
      return;
    }
    const crawl = await schedules.crawl(schedule);
    if (crawl === undefined) {
      return;
    }
    const span = await this.#startSpan(schedule, run);
    const ids = span?.ids;
    log.info(
      { schedule, batch: run.batch, tick: instant(run), ...ids },
      'enqueueing scheduled batch',
    );
    try {
      const { source } = known.terms;
      const total = await this.#expand({ crawl, source, batch: run.batch, schedule, span }, signal);
      if (!(await schedules.conclude(schedule, key, { state: 'started' }))) {
        return;
      }
      log.info(
        { schedule, batch: run.batch, tick: instant(run), total, ...ids },
        'scheduled batch started',
      );
    } catch (error) {
      span?.fail(toError(error).name);
      if (signal.aborted) {
        throw error;
      }
      if (isLast || isHopeless(error, crawl)) {
        await this.#fail(schedule, run, error);
        return;
      }
      log.warn(
        { schedule, batch: run.batch, reason: toError(error).message, ...ids },
        'scheduled batch could not be started; trying again',
      );
      throw error;
    } finally {
      span?.end();
    }
  }

  /** The span of a run, in a trace of its own, which links to what has set the schedule. */
  async #startSpan(schedule: string, { key, batch, kind }: ScheduleRun): Promise<Span | undefined> {
    const { tracing, schedules } = this.#options;
    return tracing?.start('run schedule', {
      links: [await schedules.trace(schedule)],
      attributes: {
        ...batchAttributes(batch),
        'fetchfleet.schedule.id': schedule,
        'fetchfleet.schedule.run': key,
        'fetchfleet.schedule.kind': kind,
      },
    });
  }

  /** Ends a run that has killed several workers. */
  async failPoisonous(schedule: string, key: string): Promise<void> {
    const run = (await this.#options.schedules.get(schedule))?.runs.find((one) => one.key === key);
    if (run === undefined) {
      return;
    }
    await this.#fail(schedule, run, new Error('the workers that enqueued it died'));
  }

  /** @returns the number of fetches of the batch */
  async #expand(
    { batch, source, schedule, span, ...known }: PlannedBatch,
    signal: AbortSignal,
  ): Promise<number> {
    const { ledger, queue } = this.#options;
    const before = await ledger.status(batch);
    if (before !== undefined && before.state !== 'expanding') {
      return before.total;
    }
    // The first attempt has registered the crawl, and the schedule may have been changed since.
    const begun = before === undefined ? undefined : await ledger.crawl(batch);
    // Everybody who may write to Redis can have registered it.
    const crawl = begun === undefined ? known.crawl : withoutLocalLists(begun);
    const local = await LocalCrawl.of(crawl, this.#open(), { signal });
    try {
      const { total } = await local.measure(signal);
      const fingerprint = await local.fingerprint();
      if (before !== undefined && before.fingerprint !== fingerprint) {
        throw new ListChangedError();
      }
      const measured = { local, total, source, fingerprint };
      const compared = await this.#compare(
        measured,
        { batch, isNew: before === undefined },
        signal,
      );
      try {
        let isComplete = false;
        do {
          const expansion = await BatchExpansion.create({ ledger, queue }, compared, {
            id: batch,
            schedule,
            trace: this.#traceOf({ batch, name: crawl.plan.name, schedule, span, total }),
          });
          // Another producer, such as a person's `resume`, may take as long as it needs.
          isComplete = await expansion.run({ timeoutMs: Number.POSITIVE_INFINITY, signal });
        } while (!isComplete && (await ledger.state(batch)) === 'expanding');
      } finally {
        await compared.known?.stop();
      }
      return total;
    } finally {
      await local.remove();
    }
  }

  #traceOf({ span, ...enqueued }: TracedBatch): ExpansionTrace | undefined {
    const { tracing } = this.#options;
    return tracing && traceExpansion(tracing, { ...enqueued, parent: span?.context });
  }

  /**
   * Finds what the batch is compared with, if its crawl file says `revalidate`. Another attempt
   * keeps to what the first one has found.
   */
  async #compare(
    measured: MeasuredCrawl,
    { batch, isNew }: { readonly batch: string; readonly isNew: boolean },
    signal: AbortSignal,
  ): Promise<MeasuredCrawl & { readonly known?: RecordedAnswers | undefined }> {
    const { original, crawl } = measured.local;
    const { plan } = original;
    if (plan.revalidate !== true || (!isNew && plan.comparedWith === undefined)) {
      return { ...measured, known: undefined };
    }
    const { results: store, log } = this.#options;
    const found =
      plan.comparedWith === undefined
        ? await findComparedBatch(store, plan, signal)
        : { comparison: plan.comparedWith };
    const { comparison } = found;
    const { total } = measured;
    const known = await openKnownAnswers({ store, crawl, comparison, total, signal });
    if (comparison === undefined || known === undefined) {
      const reason =
        'reason' in found ? found.reason : `${comparison?.batch} is not in ${store.location}`;
      log.info({ batch, reason }, 'everything is fetched whole');
      return { ...measured, known: undefined };
    }
    const refersTo = plan.comparedWith?.refersTo ?? known.refersTo;
    const comparedWith = { batch: comparison.batch, refersTo };
    log.info({ batch, earlier: comparison.batch, known: known.count }, 'batch is compared');
    const local = { crawl, original: { ...original, plan: { ...plan, comparedWith } } };
    return { ...measured, local, known };
  }

  #open(): OpenList {
    const { fetcher, lists } = this.#options;
    return async ({ path }, { plan }, signal) =>
      isStoredList(path)
        ? [await lists.read(path)]
        : [await fetchList(fetcher, path, { network: plan.network, signal })];
  }

  async #fail(schedule: string, run: ScheduleRun, error: unknown): Promise<void> {
    const { schedules, log } = this.#options;
    const reason = toError(error).message;
    const fields = { schedule, batch: run.batch, tick: instant(run), reason };
    if (await schedules.conclude(schedule, run.key, { state: 'failed', reason })) {
      log.error(fields, 'scheduled batch failed');
    } else {
      log.warn(fields, 'scheduled batch is enqueued by another producer');
    }
  }
}

/**
 * A worker died while it enqueued the batch, and a list at a URL has changed since: the same
 * indexes would stand for other fetches.
 */
class ListChangedError extends Error {
  override readonly name = 'ListChangedError';
  readonly code = 'LISTS_CHANGED';

  constructor() {
    super('a list at a URL changed between two attempts to enqueue the batch');
  }
}

/**
 * Another attempt fails as well: a crawl in Redis stays invalid, while a list at a URL may be valid
 * next time.
 */
function isHopeless(error: unknown, { sources }: Crawl): boolean {
  if (error instanceof ListChangedError || error instanceof StoredStateError) {
    return true;
  }
  const lists =
    error instanceof Error && error.cause instanceof AggregateError ? error.cause.errors : [error];
  if (lists.some((one) => one instanceof ListFetchError && one.isLasting)) {
    return true;
  }
  const readsUrls = sources.some((one) => isListFile(one) && !isStoredList(one.path));
  return error instanceof InputError && !readsUrls;
}

function instant({ at }: ScheduleRun): string {
  return new Date(at).toISOString();
}
