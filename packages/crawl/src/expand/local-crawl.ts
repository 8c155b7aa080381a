import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fingerprintOf } from './fingerprint.ts';
import { InputError } from '../model/input-error.ts';
import { isRemoteList } from '../values/list-file.ts';
import { isListFile, type ListFile } from '../model/parameter-source.ts';
import { type CrawlSize, measureCrawl } from './measure-crawl.ts';
import type { Crawl } from '../model/plan.ts';

/**
 * Opens a remote list. The implementation limits its size and the time.
 *
 * @throws InputError if the list cannot be read
 */
export type OpenList = (
  list: ListFile,
  crawl: Crawl,
  signal: AbortSignal | undefined,
) => Promise<Iterable<Uint8Array> | AsyncIterable<Uint8Array>>;

/**
 * A crawl with all its lists on this machine. Remote lists (at a URL, or stored with a schedule)
 * are copied once to a private folder, so measuring, fingerprint and expansion see the same values.
 */
export class LocalCrawl {
  /** The crawl as it was written, with the remote paths. The ledger stores this one. */
  readonly original: Crawl;
  /** The crawl with local paths. It can be expanded until {@link remove}. */
  readonly crawl: Crawl;
  /** The folder of the copies; undefined if there are none. */
  readonly folder: string | undefined;

  private constructor(original: Crawl, crawl: Crawl, folder: string | undefined) {
    this.original = original;
    this.crawl = crawl;
    this.folder = folder;
  }

  /** @throws InputError with every list that cannot be read */
  static async of(original: Crawl, open: OpenList, signal?: AbortSignal): Promise<LocalCrawl> {
    if (!original.sources.some(isRemote)) {
      return new LocalCrawl(original, original, undefined);
    }
    const folder = await mkdtemp(join(tmpdir(), 'fetchfleet-lists-'));
    try {
      const sources = await fetchAll(original, { folder, open, signal });
      return new LocalCrawl(original, { ...original, sources }, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Like `measureCrawl`, but problems name the original paths of the lists. */
  async measure(signal?: AbortSignal, fileName?: string): Promise<CrawlSize> {
    try {
      return await measureCrawl(this.crawl, signal, fileName);
    } catch (error) {
      throw error instanceof InputError ? this.#withOriginalPaths(error) : error;
    }
  }

  async fingerprint(): Promise<string> {
    return fingerprintOf(this.original, this.crawl);
  }

  /** Removes the copies. Idempotent. */
  async remove(): Promise<void> {
    if (this.folder !== undefined) {
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  #withOriginalPaths(error: InputError): InputError {
    const names = new Map<string, string>();
    this.crawl.sources.forEach((source, at) => {
      const original = this.original.sources[at];
      if (isListFile(source) && original !== undefined && isListFile(original)) {
        names.set(source.path, original.path);
      }
    });
    const problems = error.problems.map((problem) => ({
      ...problem,
      file: names.get(problem.file) ?? problem.file,
    }));
    return new InputError(problems, { cause: error });
  }
}

function isRemote(source: Crawl['sources'][number]): source is ListFile {
  return isListFile(source) && isRemoteList(source.path);
}

interface Copying {
  readonly folder: string;
  readonly open: OpenList;
  readonly signal: AbortSignal | undefined;
}

async function fetchAll(
  crawl: Crawl,
  { folder, open, signal }: Copying,
): Promise<Crawl['sources'][number][]> {
  const sources: Crawl['sources'][number][] = [];
  const errors: InputError[] = [];
  for (const [at, source] of crawl.sources.entries()) {
    if (!isRemote(source)) {
      sources.push(source);
      continue;
    }
    // The format comes from Redis, and is no part of a path.
    const path = join(folder, String(at));
    try {
      const bytes = Readable.from(await open(source, crawl, signal), { objectMode: false });
      await pipeline(bytes, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal });
    } catch (error) {
      if (!(error instanceof InputError)) {
        throw error;
      }
      errors.push(error);
    }
    sources.push({ ...source, path });
  }
  const [first, second] = errors;
  if (first === undefined) {
    return sources;
  }
  if (second === undefined) {
    throw first;
  }
  const problems = errors.flatMap((error) => error.problems);
  throw new InputError(problems, { cause: new AggregateError(errors) });
}
