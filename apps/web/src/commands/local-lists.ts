import { InputError } from '@fetchfleet/crawl';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import { StoredStateError, withoutLocalLists } from '@fetchfleet/fleet';
import { HttpError } from '../http/http-error.ts';

/**
 * Refuses a crawl file that takes values from files or results of this machine: whoever sends it
 * may not be one who can read them.
 *
 * @throws HttpError
 */
export async function refuseLocalLists(path: string): Promise<void> {
  try {
    withoutLocalLists(await readCrawlFile(path));
  } catch (error) {
    if (error instanceof StoredStateError) {
      throw new HttpError(400, 'LISTS_LOCAL', {
        message:
          'the crawl file takes values from files of this machine: write them in the crawl file, ' +
          'name a list at a URL, or use `fetchfleet start` there',
        cause: error,
      });
    }
    // What else is wrong with it, the command says better.
    if (!(error instanceof InputError)) {
      throw error;
    }
  }
}
