import { setTimeout as sleep } from 'node:timers/promises';
import { originDocument, type OriginStatus } from '@fetchfleet/fleet';
import type { Context } from '../../core/context.ts';
import { EXIT, type ExitCode } from '../../core/errors.ts';
import { outputWidth } from '../../report/text-table.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';
import { canDraw, type ScreenSize } from '../../live/screen.ts';
import { showLive } from '../../live/show-live.ts';
import { line } from '../../live/styled-text.ts';
import { originsSummary, originsTable } from './table.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Span, Terminal } from '../../core/terminal.ts';
import { formatDuration } from '../../report/units.ts';

const REPAINT_MS = 1_000;
const MAX_WIDTH = 100;
const NONE = 'All origins are free: no limit is set, and no worker has fetched within half an hour';

export interface OriginsOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `fetchfleet origins`: shows what the gate knows of every origin. */
export async function listOrigins(options: OriginsOptions, context: Context): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    if (options.watch === true) {
      return watch(session, context);
    }
    const statuses = await withTimeout(session.origins.list());
    if (options.json === true) {
      terminal.printJson({ origins: statuses.map(originDocument) });
    } else if (statuses.length === 0) {
      terminal.note(NONE);
    } else {
      terminal.print(...originsTable(statuses, tableOptions(terminal)));
    }
    return EXIT.ok;
  });
}

/** Repaints until it is interrupted. */
async function watch(session: FleetSession, context: Context): Promise<ExitCode> {
  const { drain: signal } = context.interrupts.takeOver();
  const { terminal, env } = context;
  try {
    if (canDraw(terminal, env)) {
      await drawAll(session, terminal, signal);
    } else {
      await printAll(session, terminal, signal);
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
  return EXIT.interrupted;
}

async function drawAll(
  session: FleetSession,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  await showLive({
    read: async () => session.origins.list(),
    page: (statuses, size, silentMs) => page(statuses, size, { silentMs, terminal }),
    isOver: () => false,
    signal,
    lost: session.lost,
  });
}

/** Prints one table after the other, where the output is no terminal. */
async function printAll(
  session: FleetSession,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const statuses = await withTimeout(session.origins.list(), { signal });
    const table = originsTable(statuses, tableOptions(terminal));
    terminal.print(
      ...(statuses.length === 0 ? [NONE] : [originsSummary(statuses), '', ...table]),
      '',
    );
    await sleep(REPAINT_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function page(
  statuses: readonly OriginStatus[],
  { columns, rows }: ScreenSize,
  { silentMs, terminal }: { readonly silentMs: number; readonly terminal: Terminal },
): string[] {
  const silence = `Redis has not answered for ${formatDuration(silentMs)}`;
  const lost: Span[][] = silentMs > 0 ? [[['yellow', silence]]] : [];
  const footer: Span[] = [['dim', 'q or Ctrl-C ends the view']];
  const head = [...lost, [statuses.length === 0 ? NONE : originsSummary(statuses)], []];
  const table = originsTable(statuses, {
    width: Math.min(MAX_WIDTH, columns),
    // Minus an empty line and the footer.
    height: rows - head.length - 2,
  });
  const body = statuses.length === 0 ? [] : [...table, []];
  const paint = terminal.paintOutput.bind(terminal);
  return [...head, ...body, footer].map((spans) => line(spans, columns, paint));
}

function tableOptions(terminal: Terminal) {
  return {
    width: terminal.stdout.isTTY === true ? Math.min(MAX_WIDTH, outputWidth(terminal)) : Infinity,
  };
}
