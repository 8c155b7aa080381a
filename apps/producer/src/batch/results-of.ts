import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchStatus } from '@fetchfleet/fleet';
import type { Context } from '../core/context.ts';
import { readResultsFolders } from '../core/settings.ts';

/** The folders of --results, or those that workers reported and that are on this machine. */
export async function resultsOf(
  { batch, resultsFolders }: BatchStatus,
  flags: readonly string[] | undefined,
  context: Context,
): Promise<readonly string[]> {
  const own = readResultsFolders(flags, context);
  if (flags !== undefined) {
    return own;
  }
  const isHere = async (dir: string): Promise<boolean> =>
    access(join(dir, batch)).then(
      () => true,
      () => false,
    );
  const here = await Promise.all(resultsFolders.map(isHere));
  const found = resultsFolders.filter((_, at) => here[at] === true);
  return found.length > 0 ? found : own;
}
