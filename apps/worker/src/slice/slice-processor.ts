import {
  isMixed,
  packSlice,
  parseCursor,
  parseSlice,
  type PendingFetch,
  type Slice,
  unpackSlice,
  toError,
} from '@fetchfleet/crawl';
import {
  ClaimLostError,
  type ClaimedSlice,
  type Ledger,
  type PausedSlices,
  SlicePartition,
  StoredStateError,
} from '@fetchfleet/fleet';
import type { Logger, Tracing } from '@fetchfleet/service';
import type { ActiveBatch, Batches } from '../batch/batches.ts';
import { describeLacked, type LackedSecret } from '../batch/secrets.ts';
import type { OriginSchedulers } from '../origin/origin-schedulers.ts';
import { FIRST_TICKET } from '../origin/waiting-slice.ts';
import { settle, type SettleTarget } from '../record/settle.ts';
import { type SliceRest, SliceRun, type SliceTools } from './slice-run.ts';
import { SliceSpan } from '../record/slice-span.ts';

/**
 * A slice that has lost more workers than this one after the other, without getting any further, is
 * taken to be the cause: its fetches are failed.
 */
const MAX_LOST_IN_VAIN = 5;
/** When a slice of a paused batch, or one that may not have its secrets here, is tried again. */
const TRY_AGAIN_MS = 5_000;
/** Beyond that a line about a batch may repeat. */
const MAX_LOGGED = 1_000;
/** By then every worker knows that a cancelled batch was resumed. */
const AFTER_RESUME_MS = 1_500;
const NO_ORIGIN = 'null';
/** Delay after an error of ours: time for a person or a restart to help. */
const AFTER_ERROR_MS = 5_000;

export interface ProcessorOptions extends SliceTools {
  readonly schedulers: SliceTools['schedulers'] &
    Pick<OriginSchedulers, 'afterDeferral' | 'leaveWaitlist' | 'removeBatch'>;
  readonly batches: Pick<Batches, 'use'>;
  readonly ledger: Pick<Ledger, 'areSettled' | 'cursors' | 'reportMissingSecrets'>;
  readonly pausedSlices: Pick<PausedSlices, 'withdrawOne'>;
  readonly log: Logger;
  /** Called with the batch of every claimed slice. */
  readonly onTaken: (batch: ActiveBatch) => void;
  /** @default nothing is traced */
  readonly tracing?: Tracing | undefined;
}

/** A valid slice, its claim and its batch. */
interface Job {
  readonly claim: ClaimedSlice;
  readonly slice: Slice;
  readonly batch: ActiveBatch;
  readonly span: SliceSpan | undefined;
}

/**
 * Takes a claimed slice to its next state: completed, delayed, given back or rejected. No error of
 * one slice stops the worker.
 */
export class SliceProcessor {
  readonly #options: ProcessorOptions;
  /** Batches with what was logged of each. */
  readonly #logged = new Set<string>();
  /** By the signal that pauses a batch: one object for all slices of the batch. */
  readonly #tools = new WeakMap<AbortSignal, SliceTools>();

  constructor(options: ProcessorOptions) {
    this.#options = options;
  }

  /** Calls `onWaiting` when the slice waits for robots.txt or permits; not if it never does. */
  async process(claim: ClaimedSlice, onWaiting: () => void): Promise<void> {
    const slice = await this.#parse(claim);
    if (slice !== undefined) {
      await this.#process(claim, slice, onWaiting);
    }
  }

  /** @param whole span of the slice that this is a part of. @default a span of its own */
  async #process(
    claim: ClaimedSlice,
    slice: Slice,
    onWaiting: () => void,
    whole?: SliceSpan,
  ): Promise<void> {
    let waitsForTurn = false;
    let span = whole;
    const onAdmitted = (): void => {
      waitsForTurn = true;
      onWaiting();
    };
    try {
      await this.#options.batches.use(slice.batch, async (batch) => {
        if (batch === undefined) {
          return this.#remove(claim, slice);
        }
        const invalid = problemOf(slice, batch);
        if (invalid !== undefined) {
          return this.#reject(claim, new Error(invalid), slice);
        }
        span ??= this.#startSpan(claim, slice, batch);
        return this.#run({ claim, slice, batch, span }, { onWaiting, onAdmitted });
      });
    } catch (error) {
      span?.error(toError(error));
      await (error instanceof StoredStateError
        ? this.#reject(claim, error, slice)
        : this.#afterError({ claim, slice, span }, toError(error)));
    } finally {
      if (whole === undefined) {
        span?.end();
      }
    }
    // A dead worker may have deferred the slice without having stored its ticket.
    const mayBeDeferred = slice.ticket !== undefined || claim.redeliveries > 0;
    // Where it waits for its turn, the scheduler tells the gate that it has come.
    if (mayBeDeferred && !isMixed(slice) && !waitsForTurn && !claim.lost.aborted) {
      await this.#options.schedulers.leaveWaitlist(slice.origin, claim.id);
    }
  }

  async #parse(claim: ClaimedSlice): Promise<Slice | undefined> {
    try {
      return parseSlice(claim.data);
    } catch (error) {
      await this.#reject(claim, toError(error));
      return undefined;
    }
  }

  #startSpan(claim: ClaimedSlice, slice: Slice, batch: ActiveBatch): SliceSpan | undefined {
    const { tracing, worker } = this.#options;
    const { origin } = slice;
    return tracing && SliceSpan.start(tracing, { batch, claim, origin, worker });
  }

  async #afterError({ claim, slice, span }: Omit<Job, 'batch'>, error: Error): Promise<void> {
    const { log, metrics } = this.#options;
    const fields = { ...logFields(claim, slice), ...span?.logFields };
    if (claim.lost.aborted || error instanceof ClaimLostError) {
      metrics.slices.inc({ result: 'lock-lost' });
      metrics.lockLosses.inc();
      log.warn(fields, 'slice lost to another worker');
      return;
    }
    log.error({ ...fields, err: error }, 'slice failed, will be retried');
    await claim.delay(slice, AFTER_ERROR_MS);
  }

  async #run(
    job: Job,
    { onWaiting, onAdmitted }: { readonly onWaiting: () => void; readonly onAdmitted: () => void },
  ): Promise<void> {
    const { claim, slice, batch, span } = job;
    this.#options.onTaken(batch);
    if (batch.state === 'cancelled' || batch.cancelled.aborted) {
      return this.#drop(job, slice);
    }
    if (batch.state === 'paused') {
      return this.#pause(job, slice);
    }
    if (batch.lackingPermissions.length > 0) {
      return this.#awaitPermissions(job);
    }
    if (isMixed(slice)) {
      return this.#runParts(job, onWaiting);
    }
    const lacked = batch.lackingSecrets(slice.origin);
    if (lacked.length > 0) {
      return this.#awaitSecrets(job, lacked);
    }
    const pending = unpackSlice(slice);
    span?.holds(pending.length);
    if (isSentElsewhere(batch, slice, pending)) {
      return this.#reject(claim, new Error('its URLs have another origin'), slice);
    }
    // A lost worker may settle a fetch meanwhile, which has no cursor then.
    const placed = batch.pagination === undefined ? pending : await this.#withCursors(job, pending);
    const fetches = claim.redeliveries > 0 ? await this.#unsettled(batch, placed) : placed;
    const lost = claim.redeliveries > 0 ? await claim.lostInVain(standOf(fetches)) : 0;
    if (lost > MAX_LOST_IN_VAIN) {
      return this.#abandon(job, fetches, lost);
    }
    const { paused } = batch;
    const { origin } = slice;
    const ticket = claim.redeliveries > 0 ? FIRST_TICKET : (slice.ticket ?? 0);
    const run = new SliceRun(this.#toolsFor(paused), batch, { id: claim.id, origin, ticket, span });
    const rest = await run.run(fetches, {
      lost: claim.lost,
      onRobotsRequested: onWaiting,
      onPermitsRequested: onAdmitted,
    });
    await this.#end(job, rest);
  }

  /**
   * Runs a slice of several origins as one for each. If its worker died, they are queued as slices
   * of their own, so that a fetch that ends workers takes no fetch of another origin with it.
   */
  async #runParts({ claim, slice, batch, span }: Job, onWaiting: () => void): Promise<void> {
    const isRedelivered = claim.redeliveries > 0;
    const pending = unpackSlice(slice);
    const fetches = isRedelivered ? await this.#unsettled(batch, pending) : pending;
    const byOrigin = Map.groupBy(fetches, ({ values }) => originIn(batch.request.expand(values)));
    if (byOrigin.has(NO_ORIGIN)) {
      return this.#reject(claim, new Error('one of its URLs has no origin'), slice);
    }
    const partition = new SlicePartition(claim, batch.id, byOrigin);
    let starting = byOrigin.size;
    const onPartWaiting = (): void => {
      starting -= 1;
      if (starting === 0) {
        onWaiting();
      }
    };
    const parts = [...byOrigin].map(async ([origin, own]) => {
      const packed = packSlice(batch.id, origin, own);
      const part = partition.part(origin);
      if (isRedelivered) {
        return part.giveBack({ ...packed, ticket: FIRST_TICKET });
      }
      return this.#process(part, packed, once(onPartWaiting), span);
    });
    const ends = await Promise.allSettled(parts);
    await partition.end();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) {
      throw failed.reason;
    }
  }

  async #end(job: Job, rest: SliceRest): Promise<void> {
    const { claim, slice, batch } = job;
    const { fetches, dueInMs, ticket, isDeferred } = rest;
    if (fetches.length === 0) {
      await claim.complete();
      this.#count(job, 'completed');
      return;
    }
    const packed = packSlice(slice.batch, slice.origin, fetches);
    const next = ticket === 0 ? packed : { ...packed, ticket };
    if (batch.cancelled.aborted) {
      return this.#drop(job, next);
    }
    if (batch.state === 'paused') {
      return this.#pause(job, next);
    }
    if (this.#options.draining.aborted && dueInMs === 0) {
      await claim.giveBack(next);
      this.#count(job, 'returned');
      return;
    }
    await claim.delay(next, dueInMs);
    this.#count(job, 'delayed');
    if (isDeferred) {
      await this.#options.schedulers.afterDeferral(slice.origin, claim.id);
    }
  }

  #count({ span }: Job, result: 'completed' | 'returned' | 'delayed' | 'abandoned'): void {
    this.#options.metrics.slices.inc({ result });
    span?.result(result);
  }

  /** Removes a slice of a cancelled batch, or keeps it if the batch was resumed meanwhile. */
  async #drop({ claim, span }: Job, slice: Slice): Promise<void> {
    span?.result('dropped');
    await claim.drop(slice, AFTER_RESUME_MS);
    await this.#leaveWaitlist(slice);
  }

  /**
   * Removes a slice whose batch was removed while a worker had it. No command could do so later:
   * they begin with the batch.
   */
  async #remove(claim: ClaimedSlice, slice: Slice): Promise<void> {
    const fields = { batch: slice.batch };
    this.#logOnce('warn', fields, 'batch is not in the ledger any more: removing its slices');
    await claim.complete();
    await this.#leaveWaitlist(slice);
  }

  /** Moves a slice out of the queue until its batch is resumed. */
  async #pause({ claim, span }: Job, slice: Slice): Promise<void> {
    span?.result('paused');
    await claim.delay(slice, TRY_AGAIN_MS);
    // If this fails, the slice comes back after the delay and is paused then.
    await this.#options.pausedSlices.withdrawOne(slice.batch, claim.id).catch(() => undefined);
    await this.#leaveWaitlist(slice);
  }

  /** A slice of several origins is in no waitlist: its parts are. */
  async #leaveWaitlist(slice: Slice): Promise<void> {
    if (!isMixed(slice)) {
      await this.#options.schedulers.removeBatch(slice.origin, slice.batch);
    }
  }

  async #reject(claim: ClaimedSlice, reason: Error, slice?: Slice): Promise<void> {
    this.#options.metrics.slices.inc({ result: 'invalid' });
    const fields = slice === undefined ? { slice: claim.id } : logFields(claim, slice);
    this.#options.log.error({ ...fields, reason: reason.message }, 'invalid slice rejected');
    await claim.reject(reason);
  }

  /** Leaves the slice to workers that have the secrets, and may send them to its origin. */
  async #awaitSecrets(
    { claim, slice, batch, span }: Job,
    lacked: readonly LackedSecret[],
  ): Promise<void> {
    span?.result('lacks-secrets');
    const { origin } = slice;
    const variables = lacked.map(({ name }) => name);
    await this.#options.ledger.reportMissingSecrets(batch.id, variables);
    this.#logOnce('error', { batch: batch.id, origin, variables }, describeLacked(lacked, origin));
    await claim.delay(slice, TRY_AGAIN_MS);
  }

  /** Leaves the slice to workers that may connect as its crawl says. */
  async #awaitPermissions({ claim, slice, batch, span }: Job): Promise<void> {
    span?.result('lacks-permissions');
    const { lackingPermissions: lacking } = batch;
    const flags = lacking.map(({ flag }) => flag);
    await this.#options.ledger.reportMissingSecrets(batch.id, flags);
    const text = lacking.map((one) => one.text).join('; ');
    this.#logOnce('error', { batch: batch.id, flags }, text);
    await claim.delay(slice, TRY_AGAIN_MS);
  }

  #logOnce(
    level: 'warn' | 'error',
    fields: Readonly<Record<string, unknown>> & { readonly batch: string },
    text: string,
  ): void {
    const line = `${fields.batch} ${text}`;
    if (this.#logged.has(line)) {
      return;
    }
    if (this.#logged.size >= MAX_LOGGED) {
      this.#logged.clear();
    }
    this.#logged.add(line);
    this.#options.log[level](fields, text);
  }

  async #unsettled(
    batch: ActiveBatch,
    pending: readonly PendingFetch[],
  ): Promise<readonly PendingFetch[]> {
    const indexes = pending.map((fetch) => fetch.index);
    const areSettled = await this.#options.ledger.areSettled(batch.id, indexes);
    return pending.filter((_, i) => areSettled[i] !== true);
  }

  /** The fetches with where their pages stand. */
  async #withCursors(
    { claim, slice, batch }: Job,
    fetches: readonly PendingFetch[],
  ): Promise<readonly PendingFetch[]> {
    const indexes = fetches.map(({ index }) => index);
    const cursors = await this.#options.ledger.cursors(batch.id, indexes);
    return fetches.map((fetch, at) => {
      const stored = cursors[at] ?? null;
      if (stored === null) {
        return fetch;
      }
      const cursor = parseCursor(stored);
      if (cursor === undefined) {
        const fields = { ...logFields(claim, slice), index: fetch.index };
        this.#options.log.warn(fields, 'cursor in Redis is not valid: begins with the first page');
        return fetch;
      }
      // A dead worker may have come further than the slice knows: its attempts were for that page.
      return { ...fetch, cursor, attempts: claim.redeliveries > 0 ? 0 : fetch.attempts };
    });
  }

  /** Records the fetches as `worker-lost`, or the slice would end one worker after another. */
  async #abandon(job: Job, fetches: readonly PendingFetch[], lost: number): Promise<void> {
    const { claim, slice, batch, span } = job;
    const target: SettleTarget = { batch, origin: slice.origin, slice: claim.id, span };
    const message = `${lost} workers vanished while they had this fetch`;
    const error = { code: 'WORKER_LOST', message };
    const areRecorded = await Promise.all(
      fetches.map(async (fetch) => {
        const ending = { outcome: 'worker-lost', attempts: fetch.attempts, error } as const;
        return new Promise<boolean>((resolve) => {
          settle(this.#options, target, { fetch, ending }, resolve);
        });
      }),
    );
    if (areRecorded.includes(false)) {
      throw new Error('records could not be written');
    }
    this.#count(job, 'abandoned');
    const fields = { ...logFields(claim, slice), fetches: fetches.length, ...span?.logFields };
    this.#options.log.error(fields, `slice abandoned: ${message}`);
    await claim.complete();
  }

  /** A paused batch starts no fetches, as if the worker drained. */
  #toolsFor(paused: AbortSignal): SliceTools {
    const known = this.#tools.get(paused);
    if (known !== undefined) {
      return known;
    }
    const draining = AbortSignal.any([this.#options.draining, paused]);
    const tools = { ...this.#options, draining };
    this.#tools.set(paused, tools);
    return tools;
  }
}

/** How far a slice is: fewer fetches are left, or a chain of pages is longer. */
function standOf(fetches: readonly PendingFetch[]): string {
  const pages = fetches.reduce((sum, { cursor }) => sum + (cursor?.page ?? 0), 0);
  return `${fetches.length} left, ${pages} pages`;
}

/** Why the slice cannot be run; undefined if it can. */
function problemOf(slice: Slice, batch: ActiveBatch): string | undefined {
  if (slice.columns.length !== batch.plan.params.length) {
    return 'its columns are not those of its batch';
  }
  const { refersTo = [] } = batch.plan.comparedWith ?? {};
  const isKnown = slice.known?.answers.every(([, at]) =>
    refersTo.includes(slice.known?.texts[at] ?? ''),
  );
  return isKnown === false ? 'it refers to batches that its batch does not name' : undefined;
}

/**
 * Whether a secret would leave for another origin than that of the slice, which was allowed to get
 * it and whose limits count. Only a slice that was changed in Redis has such URLs.
 */
function isSentElsewhere(
  { request: { constantOrigin, expand }, secretHeaders }: ActiveBatch,
  { origin }: Slice,
  fetches: readonly PendingFetch[],
): boolean {
  if (constantOrigin !== undefined) {
    return constantOrigin !== origin;
  }
  // Parsing every URL costs too much where nothing depends on it.
  return (
    secretHeaders.length > 0 &&
    fetches.some(({ values }) => URL.parse(expand(values))?.origin !== origin)
  );
}

/** The origin of a URL; {@link NO_ORIGIN} if nothing can be fetched there. */
function originIn(url: string): string {
  const parsed = URL.parse(url);
  const isFetchable = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  return isFetchable ? parsed.origin : NO_ORIGIN;
}

/** However often it is called, `call` is called once. */
function once(call: () => void): () => void {
  let isCalled = false;
  return () => {
    if (!isCalled) {
      isCalled = true;
      call();
    }
  };
}

/** The fields of every log line about a slice. */
function logFields(
  claim: ClaimedSlice,
  slice: Slice,
): Record<'batch' | 'slice' | 'origin', string> {
  return { batch: slice.batch, slice: claim.id, origin: slice.origin };
}
