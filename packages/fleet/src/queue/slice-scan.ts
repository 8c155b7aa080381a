import { z } from 'zod';

/** What one step of a scan returns: the next cursor, and how many slices it has handled. */
export const scanStep = z.tuple([z.string(), z.number().int()]);

/** Repeats a step until its cursor is 0. @returns how many slices all steps have handled */
export async function scanAll(
  next: (cursor: string) => Promise<z.infer<typeof scanStep>>,
): Promise<number> {
  let cursor = '0';
  let total = 0;
  do {
    const [nextCursor, count] = await next(cursor);
    cursor = nextCursor;
    total += count;
  } while (cursor !== '0');
  return total;
}

/** The prefix of the ids of all slices of a batch. */
export function idPrefix(batch: string): string {
  return `${batch}.`;
}
