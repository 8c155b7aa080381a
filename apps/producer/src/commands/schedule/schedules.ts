import type { Schedule } from '@fetchfleet/fleet';
import { nearest } from '../../batch/find-batch.ts';
import { CommandError } from '../../core/errors.ts';
import type { Context } from '../../core/context.ts';
import { withTimeout } from '../../core/timeouts.ts';
import { type FleetSession, withFleet } from '../../session/fleet-session.ts';

const MAX_LISTED_IDS = 10;

/** Opens a session for a command about schedules, which needs the Redis of a fleet. */
export async function withSchedules<T>(
  context: Context,
  work: (session: FleetSession) => Promise<T>,
): Promise<T> {
  requireFleet(context);
  return withFleet(context, 'refuse', work);
}

/**
 * The private Redis of a folder stops when no command uses it, and its workers stop with it. A
 * schedule there would miss its ticks.
 *
 * @throws CommandError (exit 2) if REDIS_URL is not set
 */
export function requireFleet({ env }: Context): void {
  if (env['REDIS_URL']) {
    return;
  }
  throw new CommandError(
    'REDIS_URL is not set: schedules are run by workers (fetchfleet-worker) on the same Redis as ' +
      'this command; the private Redis of a folder stops when `run` ends',
    { code: 'REDIS_UNNAMED' },
  );
}

/** @throws CommandError (exit 2) with similar ids if there is no schedule with this id */
export async function findSchedule(session: FleetSession, id: string): Promise<Schedule> {
  const schedule = await withTimeout(session.schedules.ledger.get(id));
  if (schedule !== undefined) {
    return schedule;
  }
  throw await unknownSchedule(session, id);
}

export async function unknownSchedule(session: FleetSession, id: string): Promise<CommandError> {
  const known = await withTimeout(session.schedules.ledger.ids());
  return new CommandError(`no schedule "${id}" is known${hintFor(id, known)}`, {
    code: 'SCHEDULE_UNKNOWN',
  });
}

function hintFor(id: string, known: readonly string[]): string {
  const near = nearest(id, known);
  if (near.length > 0) {
    return `; did you mean ${near.join(' or ')}?`;
  }
  return known.length > 0
    ? `; known: ${known.slice(0, MAX_LISTED_IDS).join(', ')}`
    : '; there are no schedules';
}
