import { z } from 'zod';
import { instantMs } from '../redis/stored-state.ts';

/**
 * - `failures`: a share of failed fetches was reached of which somebody is told
 * - `not-told`: the outbox was full, and a notification is lost
 */
const EVENTS = [
  'created',
  'started',
  'paused',
  'resumed',
  'cancelled',
  'retried',
  'failures',
  'finished',
  'not-told',
] as const;

/** Something that has happened to a batch. */
export interface BatchEvent {
  /** It grows with every event of the batch; those in between may be forgotten. */
  readonly number: number;
  /** Epoch milliseconds, by the clock of Redis. */
  readonly at: number;
  readonly event: (typeof EVENTS)[number];
  /** `ann@host`, the id of a worker, or a schedule. */
  readonly by?: string;
  readonly detail?: string;
}

const stored = z.array(
  z.tuple([
    z.number().int().positive(),
    instantMs,
    z.enum(EVENTS),
    z.string().optional(),
    z.string().optional(),
  ]),
);

/** @throws ZodError or SyntaxError if no fleet has stored it */
export function parseEvents(text: string | undefined): BatchEvent[] {
  return stored
    .parse(JSON.parse(text ?? '[]'))
    .map(([number, at, event, by = '', detail = '']) => ({
      number,
      at,
      event,
      ...(by !== '' && { by }),
      ...(detail !== '' && { detail }),
    }));
}
