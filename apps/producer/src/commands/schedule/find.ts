import type { Schedule } from '@fetchfleet/fleet';
import { CommandError } from '../../core/command-error.ts';
import type { Context } from '../../core/context.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { nearest } from '../../batch/find-batch.ts';
import type { FleetSession } from '../../session/fleet-session.ts';
import { inTime } from '../../core/patience.ts';

/** Exit 2 with the nearest ids where there is no schedule of that id. */
export async function findSchedule(session: FleetSession, id: string): Promise<Schedule> {
  const schedule = await inTime(session.schedules.ledger.get(id));
  if (schedule !== undefined) {
    return schedule;
  }
  throw await unknownSchedule(session, id);
}

export async function unknownSchedule(session: FleetSession, id: string): Promise<CommandError> {
  const known = await inTime(session.schedules.ledger.ids());
  const near = nearest(id, known);
  const hint =
    near.length > 0
      ? `; did you mean ${near.join(' or ')}?`
      : known.length > 0
        ? `; known: ${known.slice(0, 10).join(', ')}`
        : '; there is none';
  return new CommandError(`no schedule "${id}" is known${hint}`, {
    code: 'SCHEDULE_UNKNOWN',
    exitCode: EXIT.badInput,
  });
}

/** A private Redis sleeps when no command uses it, and its workers with it: nobody would be there at a tick. */
export function requireFleet({ env }: Context): void {
  if (env['REDIS_URL']) {
    return;
  }
  throw new CommandError(
    'REDIS_URL is not set: schedules are run by workers (fetchfleet-worker) that are there at the time, and share a Redis with ' +
      'this command; the private Redis of a folder ends with its `run`',
    { code: 'REDIS_UNNAMED', exitCode: EXIT.badInput },
  );
}
