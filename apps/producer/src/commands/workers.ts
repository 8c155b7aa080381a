import type { WorkerInfo } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { outputWidth, textTable } from '../report/text-table.ts';
import { formatCount, formatDuration, formatRate } from '../report/units.ts';
import { withFleet } from '../session/fleet-session.ts';

/** `fetchfleet workers`: all workers of the fleet with host, state and load. */
export async function listWorkers(
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    const workers = await withTimeout(session.workers.list());
    if (options.json === true) {
      terminal.printJson({ workers });
    } else if (workers.length === 0) {
      terminal.note(`No worker runs on ${session.place}: start fetchfleet-worker`);
    } else {
      terminal.print(...workersTable(workers, outputWidth(terminal)));
      terminal.note(summaryOf(workers));
    }
    return EXIT.ok;
  });
}

/** One line per worker. @param width in columns */
function workersTable(workers: readonly WorkerInfo[], width: number): string[] {
  const hasProxies = workers.some(({ proxy }) => proxy !== undefined);
  return textTable(
    [
      { title: 'worker' },
      { title: 'host/pid' },
      { title: 'state' },
      { title: 'in flight', align: 'right' },
      { title: 'pace', align: 'right' },
      { title: 'version', isOptional: true },
      { title: 'up', align: 'right', isOptional: true },
      { title: 'last seen', align: 'right' },
      ...(hasProxies ? [{ title: 'proxy' }] : []),
      { title: 'batches' },
    ],
    workers.map((worker) => {
      const isGone = worker.state === 'gone';
      return [
        worker.id,
        `${worker.host}/${worker.pid}`,
        isGone ? `gone since ${worker.lastSeenAt.slice(11, 19)}Z` : worker.state,
        isGone ? '–' : `${formatCount(worker.inFlight)}/${formatCount(worker.concurrency)}`,
        isGone ? '–' : formatRate(worker.fetchesPerSecond),
        `${worker.version} ${worker.transport}`,
        formatDuration(Date.parse(worker.lastSeenAt) - Date.parse(worker.startedAt)),
        `${formatDuration(worker.silentMs)} ago`,
        ...(hasProxies ? [worker.proxy ?? '–'] : []),
        isGone ? '' : batchesOf(worker),
      ];
    }),
    width,
  );
}

function batchesOf({ batches }: WorkerInfo): string {
  const [first, ...others] = batches;
  if (first === undefined) {
    return '–';
  }
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

function summaryOf(workers: readonly WorkerInfo[]): string {
  const alive = workers.filter(({ state }) => state !== 'gone');
  const sum = (value: (worker: WorkerInfo) => number): number =>
    alive.reduce((total, worker) => total + value(worker), 0);
  const capacity = formatCount(sum(({ concurrency }) => concurrency));
  const inFlight = formatCount(sum((worker) => worker.inFlight));
  const count = alive.length === 1 ? '1 worker' : `${formatCount(alive.length)} workers`;
  const rate = formatRate(sum(({ fetchesPerSecond }) => fetchesPerSecond));
  return `${count}, ${inFlight} of ${capacity} fetches in flight, ${rate}`;
}
