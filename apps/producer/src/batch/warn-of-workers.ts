import type { Plan } from '@fetchfleet/crawl';
import type { WorkerInfo } from '@fetchfleet/fleet';
import type { Terminal } from '../core/terminal.ts';
import { withTimeout } from '../core/timeouts.ts';
import type { FleetSession } from '../session/fleet-session.ts';

/** Warns before a batch is fetched by workers that cannot fetch it. */
export async function warnOfWorkers(
  { queue, workers }: FleetSession,
  plan: Pick<Plan, 'network'> | undefined,
  terminal: Terminal,
): Promise<void> {
  const [running, known] = await withTimeout(Promise.all([queue.workers(), workers.list()]));
  if (running === 0) {
    terminal.warn('no worker is running on this Redis: start fetchfleet-worker');
  } else if (plan !== undefined && isRefusedByAll(plan, known)) {
    terminal.warn(
      'the crawl file allows private addresses, and no running worker does: ' +
        'start workers with --allow-private (FETCHFLEET_ALLOW_PRIVATE=true)',
    );
  }
}

/**
 * Whether every running worker refuses the addresses that the crawl allows. A worker of version 0.1
 * does not tell: it may allow them.
 */
export function isRefusedByAll(
  { network }: Pick<Plan, 'network'>,
  workers: readonly Pick<WorkerInfo, 'state' | 'allowPrivate'>[],
): boolean {
  const needsPrivate = network.allowPrivate || network.allow.length > 0;
  const running = workers.filter(({ state }) => state !== 'gone');
  return (
    needsPrivate &&
    running.length > 0 &&
    running.every(({ allowPrivate }) => allowPrivate === false)
  );
}
