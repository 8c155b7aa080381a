import { z } from 'zod';

/** What one step of a scan returns: where to go on, and how many slices it has dealt with. */
export const scanStep = z.tuple([z.string(), z.number().int()]);

/** Takes steps until the cursor is back at 0. @returns how many slices they have dealt with */
export async function scanAll(
  next: (cursor: string) => Promise<z.infer<typeof scanStep>>,
): Promise<number> {
  let cursor = '0';
  let total = 0;
  do {
    const [reached, count] = await next(cursor);
    cursor = reached;
    total += count;
  } while (cursor !== '0');
  return total;
}

/** How the ids of all slices of a batch begin. */
export function idPrefix(batch: string): string {
  return `${batch}.`;
}
