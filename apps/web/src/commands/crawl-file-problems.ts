import { formatProblem, InputError, isListFile, isRemoteList } from '@fetchfleet/crawl';
import { parseCrawlFile } from '@fetchfleet/crawl/file';
import { HttpError } from '../http/http-error.ts';
import { CRAWL_FILE } from './command-line.ts';

/**
 * What is wrong with a crawl file in itself, as the command line says it. It is found out here,
 * because a command would look for the list files that it names.
 *
 * @param options.readOnly whether lists at URLs are refused as well: the server would ask there
 * @throws HttpError if it takes values from files of this machine: whoever sends it may not be one
 *   who can read them
 */
export function crawlFileProblems(
  text: string,
  { readOnly }: { readonly readOnly: boolean },
): string[] {
  try {
    const { sources } = parseCrawlFile(text, CRAWL_FILE);
    if (sources.some((source) => isListFile(source) && !isRemoteList(source.path))) {
      throw new HttpError(400, 'LISTS_LOCAL', {
        message:
          'the crawl file takes values from files of this machine: write them in the crawl file, ' +
          'name a list at a URL, or use `fetchfleet start` there',
      });
    }
    if (readOnly && sources.some(isListFile)) {
      throw new HttpError(403, 'READ_ONLY', {
        message: 'this page only shows, and reads no lists at URLs for a crawl file',
      });
    }
    return [];
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems.map((problem) => `error: ${formatProblem(problem)}`);
    }
    throw error;
  }
}
