import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerInfo } from '@fetchfleet/fleet';
import { nearest } from '../batch/find-batch.ts';
import type { Context } from '../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../core/errors.ts';
import { withTimeout } from '../core/timeouts.ts';
import { type FleetSession, withFleet } from '../session/fleet-session.ts';

/** A worker asks every two seconds. */
const MAX_WAIT_MS = 6_000;
const POLL_MS = 200;

/** `fetchfleet workers drain ID`: lets one worker end as SIGTERM does. May be repeated. */
export async function drainWorker(
  id: string,
  options: { readonly json?: boolean },
  context: Context,
): Promise<ExitCode> {
  const { terminal } = context;
  return withFleet(context, 'find', async (session) => {
    if (!(await withTimeout(session.workers.askToDrain(id)))) {
      throw await unknownWorker(session, id);
    }
    const worker = await afterAnswer(session, id);
    if (worker === undefined) {
      terminal.note(`${id} has ended`);
    } else if (worker.state === 'draining') {
      terminal.note(`${id} is draining: running fetches end, and nothing more starts`);
    } else {
      terminal.warn(`${id} does not answer, or is of version 0.1, which cannot be asked to drain`);
    }
    if (options.json === true) {
      terminal.printJson({ worker: id, state: worker?.state ?? 'ended' });
    }
    const isDone = worker === undefined || worker.state === 'draining';
    return isDone ? EXIT.ok : EXIT.someFailed;
  });
}

/** The worker when it drains, or when it should; undefined if it has ended. */
async function afterAnswer(session: FleetSession, id: string): Promise<WorkerInfo | undefined> {
  const deadlineMs = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const worker = (await withTimeout(session.workers.list())).find((one) => one.id === id);
    if (worker === undefined || worker.state === 'draining' || performance.now() > deadlineMs) {
      return worker;
    }
    await sleep(POLL_MS);
  }
}

async function unknownWorker(session: FleetSession, id: string): Promise<CommandError> {
  const ids = (await withTimeout(session.workers.list())).map((worker) => worker.id);
  const near = nearest(id, ids);
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  return new CommandError(`no worker ${JSON.stringify(id.slice(0, 80))} is known${hint}`, {
    code: 'WORKER_UNKNOWN',
  });
}
