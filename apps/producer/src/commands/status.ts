import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchStatus } from '@fetchfleet/fleet';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { findBatch } from '../batch/find-batch.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';
import { waitForBatch } from '../batch/wait-for-batch.ts';
import { isUnderWay, LiveBatches } from '../live/batches.ts';
import { canDraw } from '../live/screen.ts';
import { withTimeout } from '../core/timeouts.ts';
import { describeCounts, describePace } from '../report/progress.ts';
import { statusDocument } from '../report/status-document.ts';
import { describeStatus, statusTable } from '../report/status-table.ts';

/** Between two looks where nothing is drawn, and so between two lines. */
const LINE_INTERVAL_MS = 3_000;

export interface StatusOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `fetchfleet status [BATCH]`: how far one batch is, or all. */
export async function status(
  batch: string | undefined,
  options: StatusOptions,
  context: Context,
): Promise<ExitCode> {
  return withFleet(context, 'find', async (session) => {
    if (batch === undefined) return statusOfAll(session, options, context);
    const found = await findBatch(session.ledger, batch);
    if (options.watch === true) {
      const isLive = mayDraw(options, context);
      return waitForBatch({ session, batch, isJson: options.json === true, isLive }, context);
    }
    if (options.json === true) context.terminal.printJson(statusDocument(found));
    else context.terminal.print(describeStatus(found, Date.now()));
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
        ? await (await import('../live/all.ts')).showBatches(session, { context, signal })
        : await waitForAll(session, context, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      const again = `${programName(context)} status --watch`;
      terminal.say(`Interrupted; the batches go on. Look again with: ${again}`);
      return EXIT.interrupted;
    }
  } else {
    statuses = await readAll(session);
  }
  if (options.json === true) {
    terminal.printJson({ batches: statuses.map((one) => statusDocument(one)) });
  } else if (statuses.length === 0) {
    terminal.note(`No batch is known to ${session.place}`);
  } else {
    terminal.print(statusTable(statuses));
  }
  return EXIT.ok;
}

function mayDraw({ json }: StatusOptions, { terminal, env }: Context): boolean {
  return json !== true && !terminal.isQuiet && canDraw(terminal, env);
}

async function readAll({ ledger }: FleetSession): Promise<BatchStatus[]> {
  const ids = await ledger.batches();
  const statuses = await Promise.all(ids.map(async (id) => ledger.status(id)));
  return statuses.filter((one) => one !== undefined);
}

/** Where nothing can be drawn: a line for each batch under way, every few seconds, on stderr. */
async function waitForAll(
  session: FleetSession,
  { terminal }: Context,
  signal: AbortSignal,
): Promise<BatchStatus[]> {
  const batches = new LiveBatches(session.ledger);
  for (;;) {
    const seen = await withTimeout(batches.read(), { signal });
    const underWay = seen.filter(({ status: one }) => isUnderWay(one));
    if (underWay.length === 0) return readAll(session);
    for (const { status: one, pace } of underWay) {
      const speed = describePace(one, pace);
      terminal.note(`${one.batch}: ${describeCounts(one)} · ${speed}`);
    }
    await sleep(LINE_INTERVAL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
