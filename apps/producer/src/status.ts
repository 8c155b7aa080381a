import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchStatus } from '@fetchfleet/fleet';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { findBatch } from './find-batch.ts';
import { type FleetSession, withFleet } from './fleet-session.ts';
import { follow } from './follow.ts';
import { statusDocument } from './status-document.ts';
import { describeStatus, statusTable } from './status-table.ts';

const REPAINT_MS = 1_000;

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
      return follow({ session, batch, isJson: options.json === true }, context);
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
  let statuses = await readAll(session);
  if (options.watch === true) {
    const { drain: signal } = context.interrupts.takeOver();
    while (statuses.some(isUnderWay)) {
      if (options.json !== true) repaint(statuses, context);
      await sleep(REPAINT_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return EXIT.interrupted;
      statuses = await readAll(session);
    }
  }
  const { terminal } = context;
  if (options.json === true) {
    terminal.printJson({ batches: statuses.map((one) => statusDocument(one)) });
  } else if (statuses.length === 0) {
    terminal.note(`No batch is known to ${session.place}`);
  } else {
    terminal.print(statusTable(statuses));
  }
  return EXIT.ok;
}

async function readAll({ ledger }: FleetSession): Promise<BatchStatus[]> {
  const ids = await ledger.batches();
  const statuses = await Promise.all(ids.map(async (id) => ledger.status(id)));
  return statuses.filter((one) => one !== undefined);
}

function isUnderWay({ state }: BatchStatus): boolean {
  return state === 'expanding' || state === 'running';
}

/** The screen is cleared where there is one; elsewhere the tables follow each other. */
function repaint(statuses: readonly BatchStatus[], { terminal }: Context): void {
  const clear = terminal.stdout.isTTY === true ? '\u001B[2J\u001B[H' : '';
  terminal.print(`${clear}${statusTable(statuses)}`);
}
