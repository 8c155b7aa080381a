import { setTimeout as sleep } from 'node:timers/promises';
import { BatchesReader, type BatchStatus, isUnderWay, statusDocument } from '@fetchfleet/fleet';
import { interruptedAmong } from '../batch/interrupted.ts';
import { findBatch } from '../batch/find-batch.ts';
import { waitForBatch } from '../batch/wait-for-batch.ts';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { canDraw } from '../live/screen.ts';
import { heldBy } from '../report/origin-state.ts';
import { describeStatus } from '../report/describe-status.ts';
import { describeCounts, describePace } from '../report/progress.ts';
import { outputWidth, textTable } from '../report/text-table.ts';
import { describeUndelivered } from '../report/undelivered.ts';
import { formatCount, formatRate } from '../report/units.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';
import { doneOf } from './batches.ts';

/** Interval between two lines per batch without a terminal. */
const LINE_INTERVAL_MS = 3_000;

export interface StatusOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `fetchfleet status [BATCH]`: the progress of one batch, or of all. */
export async function status(
  batch: string | undefined,
  options: StatusOptions,
  context: Context,
): Promise<ExitCode> {
  return withFleet(context, batch === undefined ? 'find' : { find: batch }, async (session) => {
    if (batch === undefined) {
      return statusOfAll(session, options, context);
    }
    const found = await findBatch(session.ledger, batch);
    if (options.watch === true) {
      const isLive = mayDraw(options, context);
      return waitForBatch({ session, batch, isJson: options.json === true, isLive }, context);
    }
    const isInterrupted = (await interruptedAmong(session, [found])).has(batch);
    const undelivered = await withTimeout(session.outbox.waiting(batch));
    if (options.json === true) {
      context.terminal.printJson({
        ...statusDocument(found),
        interrupted: isInterrupted,
        undelivered: undelivered.length,
      });
    } else {
      const isHeld = found.state === 'running' && !isInterrupted;
      const holding = isHeld ? await withTimeout(session.origins.holding(batch)) : [];
      const lines = describeStatus(found, await session.now(), {
        isInterrupted,
        held: holding.map(heldBy),
        undelivered: describeUndelivered(undelivered),
      });
      context.terminal.print(...lines);
      if (isInterrupted) {
        context.terminal.note(`Continue with: ${programName(context)} resume ${batch}`);
      }
    }
    return EXIT.ok;
  });
}

async function statusOfAll(
  session: FleetSession,
  options: StatusOptions,
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  let statuses: readonly BatchStatus[];
  if (options.watch === true) {
    const { drain: signal } = context.interrupts.takeOver();
    try {
      statuses = mayDraw(options, context)
        ? await (await import('../live/show-batches.ts')).showBatches(session, { context, signal })
        : await waitForAll(session, context, signal);
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
      const again = `${programName(context)} status --watch`;
      terminal.say(`Interrupted; the batches go on. Watch them again with: ${again}`);
      return EXIT.interrupted;
    }
  } else {
    statuses = await readAll(session);
  }
  const interrupted = await interruptedAmong(session, statuses);
  if (options.json === true) {
    const documents = statuses.map((one) => ({
      ...statusDocument(one),
      interrupted: interrupted.has(one.batch),
    }));
    terminal.printJson({ batches: documents });
  } else if (statuses.length === 0) {
    terminal.note(`No batch is known to ${session.place}`);
  } else {
    terminal.print(...statusTable(statuses, outputWidth(terminal), interrupted));
  }
  return EXIT.ok;
}

function mayDraw({ json }: StatusOptions, { terminal, env }: Context): boolean {
  return json !== true && !terminal.isQuiet && canDraw(terminal, env);
}

async function readAll(session: FleetSession): Promise<BatchStatus[]> {
  return withTimeout(session.ledger.statuses(await withTimeout(session.ledger.batches())));
}

/** Without a terminal: writes a line for each batch under way to stderr every 3 s. */
async function waitForAll(
  session: FleetSession,
  { terminal }: Context,
  signal: AbortSignal,
): Promise<BatchStatus[]> {
  const reader = new BatchesReader(session.ledger);
  for (;;) {
    const watched = await withTimeout(reader.read(), { signal });
    const underWay = watched.filter(({ status: one }) => isUnderWay(one));
    if (underWay.length === 0) {
      return readAll(session);
    }
    for (const { status: one, pace } of underWay) {
      const speed = describePace(one, pace);
      terminal.note(`${one.batch}: ${describeCounts(one)} · ${speed}`);
    }
    await sleep(LINE_INTERVAL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** One line per batch. @param width in columns. @default unlimited */
export function statusTable(
  statuses: readonly BatchStatus[],
  width?: number,
  interrupted: ReadonlySet<string> = new Set(),
): string[] {
  return textTable(
    [
      { title: 'batch' },
      { title: 'state' },
      { title: 'done', align: 'right' },
      { title: 'failed', align: 'right' },
      { title: 'pace', align: 'right', isOptional: true },
    ],
    statuses.map((batch) => [
      batch.batch,
      interrupted.has(batch.batch) ? 'interrupted' : batch.state,
      doneOf(batch),
      formatCount(batch.failed),
      batch.fetchesPerSecond > 0 ? formatRate(batch.fetchesPerSecond) : '–',
    ]),
    width,
  );
}
