import {
  type BatchStatus,
  expandBatch,
  ExpansionLease,
  LEASE_PATIENCE_MS,
  registerBatch,
} from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { findBatch } from '../batch/find-batch.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';
import { handOver } from '../batch/report-enqueued.ts';
import { loadCrawl, type LoadedCrawl } from '../batch/load-crawl.ts';
import { Problems } from '../core/problems.ts';
import { formatCount } from '../report/units.ts';

export interface StartOptions {
  readonly json?: boolean;
  readonly wait?: boolean;
  /** Start another batch although an interrupted expansion could be continued. */
  readonly new?: boolean;
}

/** `fetchfleet start FILE`: enqueues a batch for workers elsewhere. */
export async function start(
  file: string,
  options: StartOptions,
  context: Context,
): Promise<ExitCode> {
  const problems = new Problems();
  const loaded = await loadCrawl(file, problems, context);
  problems.throwIfAny('nothing was enqueued');
  if (loaded === undefined) throw new Error('a step failed in silence');
  return withFleet(context, 'refuse', async (session) => {
    for (const name of loaded.missingSecrets) {
      context.terminal.warn(`${name} is not set here; workers need it`);
    }
    const batch = await enqueueBatch(session, loaded, { options, context });
    const tell = ({ total }: BatchStatus): void => {
      if (options.json !== true) context.terminal.note(`Enqueued ${formatCount(total)} fetches`);
    };
    return handOver({ session, batch }, { options, tell }, context);
  });
}

interface Invocation {
  readonly options: StartOptions;
  readonly context: Context;
}

/** @returns the id of the batch, whose slices are all queued */
async function enqueueBatch(
  session: FleetSession,
  loaded: LoadedCrawl,
  { options, context }: Invocation,
): Promise<string> {
  if (options.new !== true) {
    const continued = await continueExpansion(session, loaded, { options, context });
    if (continued !== undefined) return continued;
  }
  const { id, lease } = await registerBatch(session.ledger, loaded);
  printId(id, options, context);
  const before = await findBatch(session.ledger, id);
  await expand(session, loaded, { before, isRepeated: false, lease });
  return id;
}

/** A producer that was killed has left a batch half expanded: it is completed, not doubled. */
async function continueExpansion(
  session: FleetSession,
  loaded: LoadedCrawl,
  { options, context }: Invocation,
): Promise<string | undefined> {
  const found = await session.ledger.findUnfinished(loaded.fingerprint, ['expanding']);
  const before = found === undefined ? undefined : await session.ledger.status(found);
  if (before?.state !== 'expanding') return undefined;
  const lease = await leaseOfAbandoned(session, before.batch);
  if (lease === undefined) return undefined;
  await expand(session, loaded, { before, isRepeated: true, lease });
  context.terminal.note(`Continued batch ${before.batch}, which had been enqueued in part`);
  printId(before.batch, options, context);
  return before.batch;
}

/** Undefined if its producer is alive after all, or has just come to the end: then this is to be a batch of its own. */
async function leaseOfAbandoned(
  { ledger }: FleetSession,
  batch: string,
): Promise<ExpansionLease | undefined> {
  const { signal } = new AbortController();
  const lease = await ExpansionLease.acquire(ledger, batch, {
    timeoutMs: LEASE_PATIENCE_MS,
    signal,
  });
  if (lease === undefined || (await ledger.state(batch)) === 'expanding') return lease;
  await lease.release();
  return undefined;
}

interface Expansion {
  readonly before: BatchStatus;
  readonly isRepeated: boolean;
  readonly lease: ExpansionLease | undefined;
}

async function expand(
  session: FleetSession,
  loaded: LoadedCrawl,
  { before, isRepeated, lease }: Expansion,
): Promise<number | undefined> {
  return expandBatch({
    ledger: session.ledger,
    queue: session.queue,
    batch: before.batch,
    crawl: loaded.local.crawl,
    sliceSize: before.sliceSize,
    isRepeated,
    lease,
    // Nothing to put in order: a signal ends the process, and the next start continues.
    signal: new AbortController().signal,
  });
}

function printId(batch: string, { json }: StartOptions, { terminal }: Context): void {
  if (json !== true) terminal.print(batch);
}
