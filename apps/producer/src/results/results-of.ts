import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { BatchStatus } from '@fetchfleet/fleet';
import { Place } from '@fetchfleet/results/place';
import type { Context } from '../core/context.ts';
import { readPlaces } from '../core/settings.ts';
import { openPlace, type OpenPlace, openPlaces } from './open-place.ts';

/**
 * The places of --results, or those that workers reported: folders that are on this machine, and
 * the address that this command has of FETCHFLEET_RESULTS. No other address is opened, because
 * everybody who may write to Redis could name a server that gets a password.
 */
export async function resultsOf(
  { batch, resultsFolders: reported }: BatchStatus,
  flags: readonly string[] | undefined,
  context: Context,
): Promise<readonly OpenPlace[]> {
  const own = await openPlaces(readPlaces(flags, context), context);
  if (flags !== undefined) {
    return own;
  }
  const isHere = async (dir: string): Promise<boolean> =>
    access(join(dir, batch)).then(
      () => true,
      () => false,
    );
  const found: OpenPlace[] = [];
  for (const location of reported) {
    const known = own.find(({ store }) => store.location === location);
    if (isAbsolute(location)) {
      if (await isHere(location)) {
        found.push(known ?? (await openPlace(Place.parse(location, context.cwd), context)));
      }
    } else if (known !== undefined) {
      found.push(known);
    } else {
      context.terminal.note(
        `Workers wrote records to ${location}, which is not read: name it with --results`,
      );
    }
  }
  return found.length > 0 ? found : own;
}
