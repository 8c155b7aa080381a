import { isBatchId, parseSlice, type Slice } from '@fetchfleet/crawl';
import { z } from 'zod';

/**
 * What one step of a scan returns: the next cursor, how many slices it has handled, and the origins
 * of those that had been deferred.
 */
export const scanStep = z.tuple([z.string(), z.number().int(), z.array(z.string())]);

export type ScanStep = (cursor: string) => Promise<z.infer<typeof scanStep>>;

interface Scanned {
  /** Slices that all steps have handled. */
  readonly count: number;
  /** Where slices may be in a waitlist. */
  readonly origins: readonly string[];
}

/** Repeats a step until its cursor is 0. */
export async function scanAll(next: ScanStep): Promise<Scanned> {
  let cursor = '0';
  let count = 0;
  const origins = new Set<string>();
  do {
    const [nextCursor, handled, deferredAt] = await next(cursor);
    cursor = nextCursor;
    count += handled;
    for (const origin of deferredAt) {
      origins.add(origin);
    }
  } while (cursor !== '0');
  return { count, origins: [...origins] };
}

/** The prefix of the ids of all slices of a batch. */
export function idPrefix(batch: string): string {
  return `${batch}.`;
}

/** The batch of a slice by its id; undefined for an id that no slice has. */
export function batchOf(id: string): string | undefined {
  const batch = id.slice(0, Math.max(0, id.lastIndexOf('.')));
  return isBatchId(batch) ? batch : undefined;
}

/**
 * The id of what is left of one origin's fetches in a slice of several.
 *
 * @param id of that slice
 * @param index the first of these fetches
 */
export function partId(id: string, index: number): string {
  return `${id}-${index}`;
}

/** Parses a slice from Redis; undefined if it is gone or damaged. */
export function readSlice(text: string | null): Slice | undefined {
  try {
    return text === null ? undefined : parseSlice(JSON.parse(text));
  } catch {
    return undefined;
  }
}
