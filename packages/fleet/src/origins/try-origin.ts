import type { Waitlist } from '../gate/waitlist.ts';
import type { SliceQueue } from '../queue/slice-queue.ts';
import type { OriginChange } from './change-origin.ts';
import type { Origins } from './origins.ts';

/** Slices that are woken where robots.txt was waited for: they are not in the waitlist. */
const MAX_WOKEN = 500;

export interface TriedOrigin {
  /** What kept the origin shut, and is ended; empty if nothing did. */
  readonly ended: OriginChange['ended'];
  /** Slices that were woken: they had left the workers until the end of a block, for example. */
  readonly woken: number;
}

interface TryParts {
  readonly origins: Pick<Origins, 'tryNow'>;
  readonly waitlist: Pick<Waitlist, 'next' | 'leave'>;
  readonly queue: Pick<SliceQueue, 'wakeSlices' | 'findGone' | 'findDelayed'>;
}

/**
 * Ends what keeps an origin shut, and wakes the slice whose turn is next: its first fetch is the
 * probe. The gate wakes the others when that is answered.
 */
export async function tryOrigin(
  { origins, waitlist, queue }: TryParts,
  origin: string,
): Promise<TriedOrigin> {
  const ended = await origins.tryNow(origin);
  if (ended.length === 0) {
    return { ended, woken: 0 };
  }
  const first = await firstDeferred({ waitlist, queue }, origin);
  const waiting = ended.includes('robots.txt') ? await queue.findDelayed(origin, MAX_WOKEN) : [];
  const slices = [...new Set([...first, ...waiting])];
  const gone = await queue.wakeSlices(slices);
  return { ended, woken: slices.length - gone.length };
}

/** Those before it that are gone are taken out. */
async function firstDeferred(
  { waitlist, queue }: Pick<TryParts, 'waitlist' | 'queue'>,
  origin: string,
): Promise<string[]> {
  for (;;) {
    const next = await waitlist.next(origin);
    const gone = new Set(await queue.findGone(next));
    await waitlist.leave(origin, [...gone]);
    const first = next.find((slice) => !gone.has(slice));
    if (first !== undefined || next.length === 0) {
      return first === undefined ? [] : [first];
    }
  }
}
