import { type OutboxEntry, placeOfReceiver } from '@fetchfleet/fleet';
import { formatCount } from './units.ts';

/** `finished, to https://hooks.example: it answered 503 (3 attempts)` */
export function describeUndelivered(entries: readonly OutboxEntry[]): string[] {
  return entries.map(({ event, receiver, attempts, lastProblem }) => {
    const tried = attempts === 1 ? '1 attempt' : `${formatCount(attempts)} attempts`;
    const why = [lastProblem ?? 'no worker has sent it yet', ...(attempts === 0 ? [] : [tried])];
    return `${event}, to ${placeOfReceiver(receiver)} (${why.join(', ')})`;
  });
}
