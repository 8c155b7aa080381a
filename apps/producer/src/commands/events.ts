import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchEvent, BatchState } from '@fetchfleet/fleet';
import { findBatch } from '../batch/find-batch.ts';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { exitCodeOf } from '../report/exit-code-of.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';

const POLL_MS = 500;
const ENDED: readonly BatchState[] = ['finished', 'cancelled'];

export interface EventsOptions {
  readonly json?: boolean;
  /** Print further events until the batch has ended. */
  readonly follow?: boolean;
}

/** `fetchfleet events BATCH`: what has happened to a batch, one event a line. */
export async function events(
  batch: string,
  options: EventsOptions,
  context: Context,
): Promise<ExitCode> {
  return withFleet(context, { find: batch }, async (session) => {
    await findBatch(session.ledger, batch);
    const print = (found: readonly BatchEvent[]): void => {
      for (const event of found) {
        if (options.json === true) {
          context.terminal.printJson(eventDocument(batch, event));
        } else {
          context.terminal.print(eventLine(event));
        }
      }
    };
    const found = await read(session, batch);
    print(found);
    if (found.length === 0) {
      context.terminal.note(`Nothing is known of ${batch}: another version has started it`);
    }
    if (options.follow !== true) {
      return EXIT.ok;
    }
    return follow(session, { batch, from: found.at(-1)?.number ?? 0, print }, context);
  });
}

interface Following {
  readonly batch: string;
  /** Number of the last event that was printed. */
  readonly from: number;
  readonly print: (found: readonly BatchEvent[]) => void;
}

/** A signal ends the command; the batch goes on. */
async function follow(
  session: FleetSession,
  { batch, from, print }: Following,
  { terminal, interrupts, ...context }: Context,
): Promise<ExitCode> {
  const { drain: signal } = interrupts.takeOver();
  let last = from;
  for (;;) {
    const status = await findBatch(session.ledger, batch);
    const found = (await read(session, batch)).filter(({ number }) => number > last);
    print(found);
    last = found.at(-1)?.number ?? last;
    if (ENDED.includes(status.state)) {
      return exitCodeOf(status);
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) {
      const again = `${programName(context)} events ${batch} --follow`;
      terminal.say(`Interrupted; the batch goes on. Follow it again with: ${again}`);
      return EXIT.interrupted;
    }
  }
}

async function read({ ledger }: FleetSession, batch: string): Promise<readonly BatchEvent[]> {
  return (await withTimeout(ledger.events(batch))) ?? [];
}

/** The `--json` document of an event. */
export function eventDocument(batch: string, { number, at, event, by, detail }: BatchEvent) {
  return {
    batch,
    number,
    at: new Date(at).toISOString(),
    event,
    by: by ?? null,
    detail: detail ?? null,
  };
}

function eventLine({ at, event, by, detail }: BatchEvent): string {
  const parts = [
    new Date(at).toISOString(),
    event.padEnd(9),
    ...(by === undefined ? [] : [`by ${by}`]),
    ...(detail === undefined ? [] : [detail]),
  ];
  return parts.join('  ').trimEnd();
}
