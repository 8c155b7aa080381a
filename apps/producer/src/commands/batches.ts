import { type BatchStatus, realFailures, batchDocument, durationMs } from '@fetchfleet/fleet';
import { readLimit, readStates } from '../batch/batch-filters.ts';
import { interruptedAmong } from '../batch/interrupted.ts';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode, Problems } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { outputWidth, textTable } from '../report/text-table.ts';
import { formatCount, formatDuration, formatPercent } from '../report/units.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';

export interface BatchesOptions {
  readonly json?: boolean;
  readonly state?: readonly string[];
  readonly limit: string;
}

/** `fetchfleet batches`: the newest batches with age, progress and outcome. */
export async function batches(options: BatchesOptions, context: Context): Promise<ExitCode> {
  const problems = new Problems();
  const states = readStates(options.state ?? [], problems);
  const limit = readLimit(options.limit, problems);
  problems.throwIfAny('nothing was listed');
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const ids = await idsIn(session, states);
    const statuses = await withTimeout(session.ledger.statuses(ids.slice(0, limit)));
    const interrupted = await interruptedAmong(session, statuses);
    const more = Math.max(0, ids.length - limit);
    if (options.json === true) {
      terminal.printJson({
        batches: statuses.map((one) => batchDocument(one, interrupted.has(one.batch))),
        more,
      });
    } else if (statuses.length === 0) {
      const which = states.length > 0 ? `${states.join(' or ')} ` : '';
      terminal.note(`No ${which}batch is known to ${session.place}`);
    } else {
      terminal.print(
        ...batchesTable(statuses, {
          nowMs: await session.now(),
          width: outputWidth(terminal),
          interrupted,
        }),
      );
      if (more > 0) {
        const noun = more === 1 ? 'batch' : 'batches';
        const all = `${programName(context)} batches --limit ${ids.length}`;
        terminal.note(`${formatCount(more)} older ${noun} not shown; show all with: ${all}`);
      }
    }
    return EXIT.ok;
  });
}

/** Ids of the batches in any of the states; without states, all ids. Newest first. */
async function idsIn(session: FleetSession, states: readonly string[]): Promise<string[]> {
  const ids = await withTimeout(session.ledger.batches());
  if (states.length === 0) {
    return ids;
  }
  const found = await withTimeout(session.ledger.states(ids));
  return ids.filter((_, at) => states.includes(found[at] ?? ''));
}

interface TableOptions {
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** In columns. */
  readonly width: number;
  /** Batches that nobody works on any more. */
  readonly interrupted: ReadonlySet<string>;
}

/** One line per batch. */
function batchesTable(
  statuses: readonly BatchStatus[],
  { nowMs, width, interrupted }: TableOptions,
): string[] {
  return textTable(
    [
      { title: 'batch' },
      { title: 'state' },
      { title: 'age', align: 'right', isOptional: true },
      { title: 'done', align: 'right' },
      { title: 'outcome' },
    ],
    statuses.map((status) => [
      status.batch,
      interrupted.has(status.batch) ? 'interrupted' : status.state,
      formatDuration(Math.max(0, nowMs - Date.parse(status.createdAt))),
      doneOf(status),
      outcomeOf(status),
    ]),
    width,
  );
}

/** `3/5 (60%)` */
export function doneOf({ settled, total }: BatchStatus): string {
  return `${formatCount(settled)}/${formatCount(total)} (${formatPercent(settled, total)})`;
}

/** `all ok in 2 min 5 s`, `3 failed`, `12 failed so far` */
function outcomeOf(status: BatchStatus): string {
  const { state, startedAt, finishedAt } = status;
  const failed = realFailures(status);
  const isOver = state === 'finished' || state === 'cancelled';
  const count = `${formatCount(failed)} failed${isOver ? '' : ' so far'}`;
  const result = failed > 0 ? count : state === 'finished' ? 'all ok' : '–';
  if (startedAt === undefined || finishedAt === undefined) {
    return result;
  }
  return `${result} in ${formatDuration(durationMs(status))}`;
}
