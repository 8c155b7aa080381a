import type { BatchStatus } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { findBatch } from './find-batch.ts';
import type { FleetSession } from '../session/fleet-session.ts';
import { follow } from './follow.ts';
import { statusDocument } from '../report/status-document.ts';

/**
 * The end of a command that has enqueued a batch: the rest is up to workers elsewhere. Warns when there are none; `wait` looks on until
 * the batch ends, otherwise its status is told, to people by `tell`.
 */
export async function handOver(
  { session, batch }: { readonly session: FleetSession; readonly batch: string },
  {
    options,
    tell,
  }: {
    readonly options: { readonly json?: boolean; readonly wait?: boolean };
    readonly tell?: (status: BatchStatus) => void;
  },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  if ((await session.queue.workers()) === 0) {
    terminal.warn('no worker is running on this Redis: start fetchfleet-worker');
  }
  const isJson = options.json === true;
  if (options.wait === true) return follow({ session, batch, isJson }, context);
  const status = await findBatch(session.ledger, batch);
  tell?.(status);
  if (isJson) terminal.printJson(statusDocument(status));
  return EXIT.ok;
}
