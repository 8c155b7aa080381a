import { setTimeout as sleep } from 'node:timers/promises';
import type { OriginStatus } from '@fetchfleet/fleet';
import type { Context } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type FleetSession, withFleet } from './fleet-session.ts';
import { originDocument } from './origins-document.ts';
import { originsSummary, originsTable } from './origins-table.ts';
import { inTime } from './patience.ts';
import type { Terminal } from './terminal.ts';

const REPAINT_MS = 1_000;
const MAX_WIDTH = 100;
const NONE = 'All origins are free: no limit is set, and nobody has fetched within half an hour';

export interface OriginsOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** `fetchfleet origins`: what the gate knows of every origin. */
export async function origins(options: OriginsOptions, context: Context): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    if (options.watch === true) return watch(session, context);
    const statuses = await inTime(session.origins.list());
    if (options.json === true) {
      terminal.printJson({ origins: statuses.map(originDocument) });
    } else if (statuses.length === 0) {
      terminal.note(NONE);
    } else {
      terminal.print(originsTable(statuses, tableOptions(terminal)));
    }
    return EXIT.ok;
  });
}

/** Until somebody interrupts it. */
async function watch(session: FleetSession, context: Context): Promise<ExitCode> {
  const { drain: signal } = context.interrupts.takeOver();
  const { terminal } = context;
  const isScreen = terminal.stdout.isTTY === true;
  if (isScreen) terminal.stdout.write('\u001B[2J');
  while (!signal.aborted) {
    const statuses = await inTime(session.origins.list(), { signal });
    terminal.stdout.write(isScreen ? frame(statuses, terminal) : page(statuses, terminal));
    await sleep(REPAINT_MS, undefined, { signal }).catch(() => undefined);
  }
  return EXIT.interrupted;
}

/** Written over the last one, line by line, so that nothing flickers. */
function frame(statuses: readonly OriginStatus[], terminal: Terminal): string {
  const lines = page(statuses, terminal).trimEnd().split('\n');
  return `\u001B[H${lines.map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`;
}

function page(statuses: readonly OriginStatus[], terminal: Terminal): string {
  if (statuses.length === 0) return `${NONE}\n\n`;
  const height = terminalRows(terminal);
  // Summary, an empty line, and the cursor's own.
  const room = height === undefined ? {} : { height: height - 3 };
  const table = originsTable(statuses, { ...tableOptions(terminal), ...room });
  return `${originsSummary(statuses)}\n\n${table}\n\n`;
}

function tableOptions(terminal: Terminal) {
  return {
    // 0 is what a terminal says that does not know.
    width: Math.min(MAX_WIDTH, terminal.stdout.columns || MAX_WIDTH),
    paint: terminal.paintOutput.bind(terminal),
  };
}

function terminalRows({ stdout }: Terminal): number | undefined {
  const rows = 'rows' in stdout && stdout.isTTY === true ? Number(stdout.rows) : 0;
  return rows > 0 ? rows : undefined;
}
