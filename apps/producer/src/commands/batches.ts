import type { BatchStatus } from '@fetchfleet/fleet';
import { readLimit, readStates } from '../batch/batch-filters.ts';
import { type Context, programName } from '../core/context.ts';
import { EXIT, type ExitCode, Problems } from '../core/errors.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';
import { withTimeout } from '../core/timeouts.ts';
import { statusDocument } from '../report/status-document.ts';
import { textTable } from '../report/text-table.ts';
import { formatCount, formatDuration } from '../report/units.ts';

export interface BatchesOptions {
  readonly json?: boolean;
  readonly state?: readonly string[];
  readonly limit: string;
}

/** `fetchfleet batches`: the newest batches, with age, progress and how they ended. */
export async function batches(options: BatchesOptions, context: Context): Promise<ExitCode> {
  const problems = new Problems();
  const states = readStates(options.state ?? [], problems);
  const limit = readLimit(options.limit, problems);
  problems.throwIfAny('nothing was listed');
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const ids = await matching(session, states);
    const statuses = await statusesOf(session, ids.slice(0, limit));
    const more = Math.max(0, ids.length - limit);
    if (options.json === true) {
      terminal.printJson({ batches: statuses.map((one) => documentOf(one)), more });
    } else if (statuses.length === 0) {
      const which = states.length > 0 ? `${states.join(' or ')} ` : '';
      terminal.note(`No ${which}batch is known to ${session.place}`);
    } else {
      terminal.print(batchesTable(statuses, Date.now()));
      if (more > 0) {
        const all = `${programName(context)} batches --limit ${ids.length}`;
        terminal.note(`${formatCount(more)} older ones are not shown; all: ${all}`);
      }
    }
    return EXIT.ok;
  });
}

async function matching(session: FleetSession, states: readonly string[]): Promise<string[]> {
  const ids = await withTimeout(session.ledger.batches());
  if (states.length === 0) return ids;
  const found = await withTimeout(Promise.all(ids.map(async (id) => session.ledger.state(id))));
  return ids.filter((_, at) => states.includes(found[at] ?? ''));
}

async function statusesOf(session: FleetSession, ids: readonly string[]): Promise<BatchStatus[]> {
  const statuses = await withTimeout(Promise.all(ids.map(async (id) => session.ledger.status(id))));
  return statuses.filter((one) => one !== undefined);
}

function documentOf(status: BatchStatus) {
  return {
    ...statusDocument(status),
    source: status.source,
    pausedAt: status.pausedAt ?? null,
    cancelledAt: status.cancelledAt ?? null,
    retries: status.retries,
  };
}

/** One line for each batch. @param nowMs epoch milliseconds */
function batchesTable(statuses: readonly BatchStatus[], nowMs: number): string {
  return textTable(
    [
      { title: 'batch' },
      { title: 'state' },
      { title: 'age', align: 'right' },
      { title: 'done', align: 'right' },
      { title: 'outcome' },
    ],
    statuses.map((status) => [
      status.batch,
      status.state,
      formatDuration(Math.max(0, nowMs - Date.parse(status.createdAt))),
      `${formatCount(status.settled)}/${formatCount(status.total)} (${percentOf(status)}%)`,
      outcomeOf(status),
    ]),
  );
}

function percentOf({ settled, total }: BatchStatus): number {
  return total === 0 ? 100 : Math.floor((settled / total) * 100);
}

/** `all ok in 2 min 5 s`, `3 failed`, `12 failed so far` */
function outcomeOf({ state, failed, startedAt, finishedAt, retries }: BatchStatus): string {
  const isOver = state === 'finished' || state === 'cancelled';
  const count = `${formatCount(failed)} failed${isOver ? '' : ' so far'}`;
  const result = failed > 0 ? count : state === 'finished' ? 'all ok' : '–';
  // With retries in between, the time from start to end says nothing.
  if (startedAt === undefined || finishedAt === undefined || retries > 0) return result;
  return `${result} in ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`;
}
