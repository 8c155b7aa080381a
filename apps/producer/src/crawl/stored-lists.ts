import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, resolve, sep } from 'node:path';
import { type Crawl, InputError, isListFile, isRemoteList, keyOf } from '@fetchfleet/crawl';
import { readCrawlFile } from '@fetchfleet/crawl/file';
import type { BatchStatus } from '@fetchfleet/fleet';
import type { Place } from '@fetchfleet/results/place';
import { CommandError } from '../core/errors.ts';
import { crawlChanges } from './crawl-changes.ts';

/** What a batch id has behind the name. */
const ID_END = /-\d{8}-\d{4}-[a-z0-9]{4}$/u;
const CRAWL_FILE = /\.(?:ya?ml|json)$/iu;

export interface StoredListOptions {
  readonly cwd: string;
  /** Whether any list file of this machine may be read. */
  readonly trustLists: boolean;
  /** The place of results: records of earlier batches may be lists, too. */
  readonly results: Place;
}

/**
 * Refuses list files that may have been chosen by somebody else who can write to Redis: the values
 * of a list are sent away in URLs. Trusted is what lies in the current folder, and in the folder of
 * the crawl file, if that file is still there and describes the same crawl. Symbolic links count by
 * where they lead.
 *
 * @param crawl as it is stored
 * @throws CommandError (exit 2)
 */
export async function checkStoredLists(
  crawl: Crawl,
  { batch, source }: Pick<BatchStatus, 'batch' | 'source'>,
  { cwd, trustLists, results }: StoredListOptions,
): Promise<void> {
  const files = crawl.sources.flatMap((one) => {
    if (one.kind === 'batch') {
      return [`${results.location}/${one.batch}`];
    }
    return isListFile(one) && !isRemoteList(one.path) ? [one.path] : [];
  });
  const outside = trustLists ? [] : await filesOutside(files, cwd);
  if (outside.length === 0) {
    return;
  }
  const own = (await describes(source, crawl)) ? dirname(resolve(source)) : undefined;
  const refused = own === undefined ? outside : await filesOutside(outside, own);
  if (refused.length > 0) {
    // The paths come from Redis, and must not control the terminal.
    const paths = refused.map((path) => JSON.stringify(path)).join(', ');
    throw new CommandError(
      `Redis names list files of ${batch} that are neither in this folder nor in that of its ` +
        `crawl file: ${paths}; if they are the right ones, add --trust-lists`,
      { code: 'LISTS_UNTRUSTED' },
    );
  }
}

/** An address of results is in no folder. */
async function filesOutside(files: readonly string[], folder: string): Promise<string[]> {
  if (files.length === 0) {
    return [];
  }
  const root = await realPath(folder);
  if (dirname(root) === root) {
    return [...files]; // whoever stands at the root has chosen no folder
  }
  const places = await Promise.all(files.map(realPath));
  const isInside = (file: string, at: number): boolean =>
    isAbsolute(file) && places[at]?.startsWith(`${root}${sep}`) === true;
  return files.filter((file, at) => !isInside(file, at));
}

/** A path that leads nowhere is taken as it is written: reading it fails later. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

/**
 * Whether a file of this machine describes the crawl. Its path comes from Redis as well, so nothing
 * is opened that is no ordinary file.
 */
async function describes(path: string, crawl: Crawl): Promise<boolean> {
  const found = CRAWL_FILE.test(path) ? await stat(path).catch(() => undefined) : undefined;
  if (found?.isFile() !== true) {
    return false;
  }
  try {
    const now = await readCrawlFile(path);
    return crawlChanges(crawl, asStored(now, crawl), true).others.length === 0;
  } catch (error) {
    if (error instanceof InputError) {
      return false;
    }
    throw error;
  }
}

/**
 * The crawl of a file with what a command adds before it stores it: the choice of --limit or
 * --sample, and the ids of batches where the file names them.
 */
function asStored(now: Crawl, { only, sources: stored }: Crawl): Crawl {
  const pinned = new Map(
    stored.flatMap((one) => (one.kind === 'batch' ? [[keyOf(one), one.batch]] : [])),
  );
  const sources = now.sources.map((source) => {
    const id = source.kind === 'batch' ? pinned.get(keyOf(source)) : undefined;
    return source.kind === 'batch' && id !== undefined && id.replace(ID_END, '') === source.batch
      ? { ...source, batch: id }
      : source;
  });
  return { ...now, ...(only !== undefined && { only }), sources };
}
