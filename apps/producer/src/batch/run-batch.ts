import { relative, resolve } from 'node:path';
import { type Crawl, OUTCOMES } from '@fetchfleet/crawl';
import { type BatchStatus, expandBatch, type ExpansionLease } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { findFailureExamples } from '../report/failure-examples.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import type { InterruptSignals } from '../core/interrupts.ts';
import { LocalWorkers, workerCommand } from '../local/local-workers.ts';
import { inTime } from '../core/patience.ts';
import { createProgress } from '../report/progress.ts';
import type { RunSettings } from '../core/settings.ts';
import { exitCodeOf, statusDocument } from '../report/status-document.ts';
import { summarize } from '../report/summary.ts';
import { formatCount } from '../report/units.ts';
import { watchBatch } from './watch-batch.ts';

export interface RunBatchOptions {
  readonly session: FleetSession;
  readonly settings: RunSettings;
  readonly crawl: Crawl;
  /** The batch as it was before. */
  readonly before: BatchStatus;
  /** The right to expand it, if it was taken already. */
  readonly lease?: ExpansionLease | undefined;
  /** It was expanded before, in part or as a whole: what is settled is skipped. */
  readonly isRepeated: boolean;
  /** All of it is queued: it was only paused. @default false */
  readonly isQueued?: boolean;
  readonly isJson: boolean;
  /** What to type to go on after an interruption. */
  readonly continueCommand: string;
}

/** Fetches a registered batch with workers of this machine, to its end or to an interruption. */
export async function runBatch(options: RunBatchOptions, context: Context): Promise<ExitCode> {
  const { session, settings, before } = options;
  const { terminal } = context;
  const signals = context.interrupts.takeOver();
  const stopped = new AbortController();
  const signal = AbortSignal.any([signals.drain, stopped.signal]);
  const workers = new LocalWorkers({
    count: settings.workers,
    command: workerCommand(settings),
    env: {
      ...context.env,
      REDIS_URL: session.url,
      FETCHFLEET_LOG_FORMAT: 'json',
      FETCHFLEET_SCHEDULES: 'false',
    },
    terminal,
  });
  const progress = createProgress(terminal);
  const startedAt = Date.now();
  const expansion = options.isQueued === true ? Promise.resolve() : expand(options, signal);
  startWorkers(workers, expansion, options);
  let deadlineMs: number | undefined;
  try {
    const watching = watchBatch({
      ledger: session.ledger,
      batch: before.batch,
      progress,
      terminal,
      signal,
    });
    const status = await Promise.race([
      watching,
      onlyFailure(expansion),
      workers.failed,
      session.lost,
    ]);
    progress.stop();
    await report(options, { status, startedAt }, context);
    return exitCodeOf(status);
  } catch (error) {
    progress.stop();
    if (signals.drain.aborted)
      return await drain(options, { workers, signals, expansion, startedAt }, context);
    deadlineMs = 2_000; // Redis or the workers are beyond help: nothing is lost by killing what is left.
    terminal.say(howToContinue(options, context));
    throw error;
  } finally {
    progress.stop();
    stopped.abort();
    await workers.stop({ force: signals.force, ...(deadlineMs !== undefined && { deadlineMs }) });
    await settled(expansion);
  }
}

/**
 * A new batch is fetched while it is still being enqueued. One that goes on is looked through first: a slice that ended between
 * that look and its being queued again would be fetched twice.
 */
function startWorkers(
  workers: LocalWorkers,
  expansion: Promise<void>,
  { isRepeated }: RunBatchOptions,
): void {
  if (!isRepeated) return workers.start();
  expansion.then(
    () => workers.start(),
    () => undefined, // the failure ends the run, and is told there
  );
}

async function expand(options: RunBatchOptions, signal: AbortSignal): Promise<void> {
  const { session, crawl, before, isRepeated, lease } = options;
  await expandBatch({
    ledger: session.ledger,
    queue: session.queue,
    batch: before.batch,
    crawl,
    sliceSize: before.sliceSize,
    isRepeated,
    lease,
    signal,
  });
}

/** Never resolves: the end of the expansion is not the end of the batch. */
async function onlyFailure(work: Promise<void>): Promise<never> {
  await work;
  return new Promise(() => undefined);
}

interface Draining {
  readonly workers: LocalWorkers;
  readonly signals: InterruptSignals;
  readonly expansion: Promise<void>;
  /** Epoch milliseconds. */
  readonly startedAt: number;
}

async function drain(
  options: RunBatchOptions,
  { workers, signals, expansion, startedAt }: Draining,
  context: Context,
): Promise<ExitCode> {
  const { session, before, isJson, settings } = options;
  const { terminal } = context;
  terminal.note('Stopping: running fetches finish. Once more to stop at once.');
  await workers.stop({ force: signals.force });
  await settled(expansion);
  const status = await inTime(session.ledger.status(before.batch)).catch(() => undefined);
  if (status?.state === 'finished') {
    await report(options, { status, startedAt }, context);
    return exitCodeOf(status);
  }
  if (status !== undefined) {
    const counts = `${formatCount(status.settled)} of ${formatCount(status.total)}`;
    terminal.note(`Interrupted: ${counts} fetches are done and kept.`);
    if (isJson) terminal.printJson(statusDocument(status, settings.results));
  }
  terminal.say(howToContinue(options, context));
  return EXIT.interrupted;
}

function howToContinue({ continueCommand, before }: RunBatchOptions, context: Context): string {
  return `Continue with: ${continueCommand}\n           or: ${programName(context)} resume ${before.batch}`;
}

async function report(
  { settings, before, isJson, isRepeated }: RunBatchOptions,
  { status, startedAt }: { readonly status: BatchStatus; readonly startedAt: number },
  context: Context,
): Promise<void> {
  const { terminal, cwd } = context;
  if (isJson) terminal.printJson(statusDocument(status, settings.results));
  if (terminal.isQuiet) return;
  const folder = resolve(settings.results, status.batch);
  const kinds = OUTCOMES.filter((one) => one !== 'ok' && (status.outcomes[one] ?? 0) > 0);
  const text = summarize(
    {
      status,
      elapsedMs: isRepeated ? Date.now() - startedAt : fetchingMs(status),
      ...(isRepeated && { before }),
      examples: await findFailureExamples(folder, new Set(kinds)),
      results: shortest(cwd, folder),
      exportCommand: exportCommand(status, settings, context),
      width: terminal.width,
    },
    (style, part) => terminal.paint(style, part),
  );
  terminal.note(`\n${text}`);
  if (status.state === 'cancelled') {
    terminal.say(`Continue with: ${programName(context)} resume ${status.batch}`);
  }
}

function exportCommand(status: BatchStatus, { results }: RunSettings, context: Context): string {
  const folder = shortest(context.cwd, results);
  const where = folder === 'results' ? '' : ` --results ${folder}`;
  return `${programName(context)} export ${status.batch}${where} -o ${status.name}.ndjson`;
}

function shortest(cwd: string, path: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}

/** From the first slice that a worker took to the last record: the time of `status`, without the start of processes. */
function fetchingMs({ startedAt, finishedAt, createdAt }: BatchStatus): number {
  const endMs = finishedAt === undefined ? Date.now() : Date.parse(finishedAt);
  return Math.max(1, endMs - Date.parse(startedAt ?? createdAt));
}

/** Its failure has been told, or is the signal's. Without Redis it does not end at all. */
async function settled(expansion: Promise<void>): Promise<void> {
  await inTime(expansion, { timeoutMs: 2_000 }).catch(() => undefined);
}
