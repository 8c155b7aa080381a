import type { Waitlist } from '../gate/waitlist.ts';
import type { SliceQueue } from '../queue/slice-queue.ts';
import type { OriginChange } from './change-origin.ts';
import type { HeldSlices } from './held-slices.ts';
import type { Origins } from './origins.ts';

export interface TriedOrigin {
  /** What kept the origin shut, and is ended; empty if nothing did. */
  readonly ended: OriginChange['ended'];
  /** Slices that were woken: they had left the workers until the end of a block, for example. */
  readonly woken: number;
}

interface TryParts {
  readonly origins: Pick<Origins, 'tryNow'>;
  readonly waitlist: Pick<Waitlist, 'next' | 'leave'>;
  readonly heldSlices: Pick<HeldSlices, 'wake'>;
  readonly queue: Pick<SliceQueue, 'wakeSlices' | 'findGone'>;
}

/**
 * Ends what keeps an origin shut, and wakes what waits for that. Of the waitlist it is the slice
 * whose turn is next: the gate wakes the others when the probe is answered. Whichever slice comes
 * first, its first fetch is the probe.
 *
 * Where nothing keeps it shut, slices may still wait for a time of their own: those that were in a
 * worker when the origin was tried.
 */
export async function tryOrigin(parts: TryParts, origin: string): Promise<TriedOrigin> {
  const ended = await parts.origins.tryNow(origin);
  // Before a slice of the waitlist is woken: what it has refused must be due by then.
  const held = await parts.heldSlices.wake(origin);
  return { ended, woken: held + (ended.length > 0 ? await wakeNext(parts, origin) : 0) };
}

/** Slices before it that are gone are taken out. @returns how many were woken */
async function wakeNext({ waitlist, queue }: TryParts, origin: string): Promise<number> {
  for (;;) {
    const next = await waitlist.next(origin);
    const gone = new Set(await queue.findGone(next));
    await waitlist.leave(origin, [...gone]);
    const first = next.find((slice) => !gone.has(slice));
    if (first !== undefined) {
      const lost = await queue.wakeSlices([first]);
      return 1 - lost.length;
    }
    if (next.length === 0) {
      return 0;
    }
  }
}
