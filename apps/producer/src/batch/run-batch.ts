import { type Plan, proxyHosts, type SecretPlan } from '@fetchfleet/crawl';
import {
  type BatchExpansion,
  type BatchStatus,
  type RedisMemory,
  statusDocument,
} from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import type { InterruptSignals } from '../core/interrupts.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { RunSettings } from '../core/settings.ts';
import { LocalWorkers, workerCommand } from '../local/local-workers.ts';
import { createProgress } from '../report/progress.ts';
import { exitCodeOf } from '../report/exit-code-of.ts';
import { formatCount } from '../report/units.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { localSecrets } from '../crawl/local-secrets.ts';
import { reportFull } from './report-full.ts';
import { reportRun } from './run-report.ts';
import { pollUntilEnd } from './wait-for-batch.ts';
import { waitForNotifications } from './wait-for-notifications.ts';

/** Without Redis or workers, killing the rest loses nothing. */
const FAILED_STOP_MS = 2_000;

export interface RunBatchOptions {
  readonly session: FleetSession;
  readonly settings: RunSettings;
  /** The batch as it was before. */
  readonly before: BatchStatus;
  /** Queues the slices; undefined if all of them are queued, because the batch was only paused. */
  readonly expansion: BatchExpansion | undefined;
  /** The crawl whose secrets the workers may send. */
  readonly plan: Pick<Plan, 'url' | 'params' | 'network'> & SecretPlan;
  /** The batch was expanded before, in part or as a whole. */
  readonly isRepeated: boolean;
  readonly isJson: boolean;
  /** What to type to go on after an interruption, besides `resume`. @default nothing else */
  readonly continueCommand?: string;
}

/** Fetches a registered batch with workers on this machine, until it ends or is interrupted. */
export async function runBatch(options: RunBatchOptions, context: Context): Promise<ExitCode> {
  const { session, before } = options;
  const { terminal } = context;
  const signals = context.interrupts.takeOver();
  const stopped = new AbortController();
  const signal = AbortSignal.any([signals.drain, stopped.signal]);
  const workers = localWorkers(options, context);
  const progress = createProgress(terminal);
  const startedAt = performance.now();
  const full = Promise.withResolvers<void>();
  const expansion = expand(options, signal, (memory) => {
    reportFull(terminal)(memory);
    full.resolve();
  });
  startWorkers(workers, Promise.race([expansion, full.promise]), options);
  const { ledger } = session;
  let deadlineMs: number | undefined;
  try {
    const status = await Promise.race([
      pollUntilEnd({ ledger, batch: before.batch, progress, terminal, signal }),
      failureOf(expansion),
      workers.failed,
      session.lost,
    ]);
    progress.stop();
    await report(options, { status, startedAt, signal: signals.drain }, context);
    return exitCodeOf(status);
  } catch (error) {
    progress.stop();
    if (signals.drain.aborted) {
      return await drain(options, { workers, signals, expansion, startedAt }, context);
    }
    deadlineMs = FAILED_STOP_MS;
    terminal.say(...howToContinue(options, context));
    throw error;
  } finally {
    progress.stop();
    stopped.abort();
    await workers.stop({ force: signals.force, ...(deadlineMs !== undefined && { deadlineMs }) });
    await endOf(expansion);
  }
}

export function localWorkers(
  { session, settings, plan }: Pick<RunBatchOptions, 'session' | 'settings' | 'plan'>,
  context: Context,
): LocalWorkers {
  return new LocalWorkers({
    count: settings.workers,
    command: workerCommand(settings, localSecrets(settings, plan)),
    env: {
      ...context.env,
      REDIS_URL: session.url,
      FETCHFLEET_LOG_FORMAT: 'json',
      // Not as an option, which other users of the machine would see: it may hold a password.
      FETCHFLEET_RESULTS: settings.results.url,
      FETCHFLEET_SCHEDULES: 'false',
      ...networkPermissions(plan, session, context.env),
    },
    terminal: context.terminal,
  });
}

/**
 * What workers let crawls do with proxies and certificates, where the user has not said it. Whoever
 * runs a crawl file has chosen what it names. In a Redis that others share, the workers fetch the
 * batches of others as well, and get no more than this one needs: its proxies by host and port.
 */
export function networkPermissions(
  { network: { proxy = [], tls } }: Pick<Plan, 'network'>,
  { isPrivate }: Pick<FleetSession, 'isPrivate'>,
  env: Context['env'],
): Readonly<Record<'FETCHFLEET_ALLOW_PROXY' | 'FETCHFLEET_ALLOW_INSECURE_TLS', string>> {
  const needed = proxy === 'env' ? proxy : proxyHosts(proxy).join(',');
  const isInsecure = isPrivate || tls?.insecure === true;
  return {
    FETCHFLEET_ALLOW_PROXY: env['FETCHFLEET_ALLOW_PROXY'] || (isPrivate ? '*' : needed),
    FETCHFLEET_ALLOW_INSECURE_TLS: env['FETCHFLEET_ALLOW_INSECURE_TLS'] || String(isInsecure),
  };
}

/**
 * Workers fetch a new batch while it is still being enqueued. For a batch that goes on, they start
 * after the expansion: a slice that ends between the look at the ledger and its being queued again
 * would be fetched twice. They start earlier only if the expansion waits for the room they make.
 */
function startWorkers(
  workers: LocalWorkers,
  expandedOrFull: Promise<void>,
  { isRepeated }: RunBatchOptions,
): void {
  if (!isRepeated) {
    workers.start();
    return;
  }
  expandedOrFull.then(
    () => workers.start(),
    () => undefined, // the failure ends the run, which reports it
  );
}

/** Waits for ever for another producer: its progress is shown meanwhile. */
async function expand(
  { expansion }: RunBatchOptions,
  signal: AbortSignal,
  onFull: (memory: RedisMemory) => void,
): Promise<void> {
  await expansion?.run({ timeoutMs: Number.POSITIVE_INFINITY, onFull, signal });
}

/** Rejects when the expansion fails. Never resolves: the batch goes on after its expansion. */
async function failureOf(expansion: Promise<void>): Promise<never> {
  await expansion;
  return new Promise(() => undefined);
}

interface Draining {
  readonly workers: LocalWorkers;
  readonly signals: InterruptSignals;
  readonly expansion: Promise<void>;
  /** As of `performance.now()`. */
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
  await endOf(expansion);
  const status = await withTimeout(session.ledger.status(before.batch)).catch(() => undefined);
  if (status?.state === 'finished') {
    await report(options, { status, startedAt, signal: signals.drain }, context);
    return exitCodeOf(status);
  }
  if (status !== undefined) {
    const counts = `${formatCount(status.settled)} of ${formatCount(status.total)}`;
    terminal.note(`Interrupted: ${counts} fetches are done and kept.`);
    if (isJson) {
      terminal.printJson(statusDocument(status, settings.results.location));
    }
  }
  terminal.say(...howToContinue(options, context));
  return EXIT.interrupted;
}

function howToContinue({ continueCommand, before }: RunBatchOptions, context: Context): string[] {
  const resume = `${programName(context)} resume ${before.batch}`;
  return continueCommand === undefined
    ? [`Continue with: ${resume}`]
    : [`Continue with: ${continueCommand}`, `           or: ${resume}`];
}

interface Ended {
  readonly status: BatchStatus;
  /** As of `performance.now()`. */
  readonly startedAt: number;
  /** Ends the wait for receivers. */
  readonly signal: AbortSignal;
}

/** Says how the batch has ended, and then who was not told of it. */
async function report(
  { session, settings, before, isJson, isRepeated }: RunBatchOptions,
  { status, startedAt, signal }: Ended,
  context: Context,
): Promise<void> {
  const known = isRepeated ? before : undefined;
  const { ledger } = session;
  await reportRun({ ledger, settings, isJson, status, before: known, startedAt }, context);
  await waitForNotifications(session, before.batch, { terminal: context.terminal, signal });
}

/** Its failure is reported elsewhere. Without Redis the expansion does not end at all. */
async function endOf(expansion: Promise<void>): Promise<void> {
  await withTimeout(expansion, { timeoutMs: 2_000 }).catch(() => undefined);
}
