import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fingerprintOf } from './fingerprint.ts';
import { InputError } from '../model/input-error.ts';
import { isRemoteList } from '../values/list-file.ts';
import { type BatchValues, isListFile, type ListFile } from '../model/parameter-source.ts';
import { type CrawlSize, measureCrawl } from './measure-crawl.ts';
import type { Crawl, ParameterSource } from '../model/plan.ts';
import { distinctLines } from '../values/distinct-lines.ts';
import { TemporaryFolder } from '../temporary/temporary-folder.ts';

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
 * Reads the values of an earlier batch: lines `{"value":…}`.
 *
 * @throws InputError if there are none
 */
export type OpenBatch = (
  values: BatchValues,
  signal: AbortSignal | undefined,
) => Iterable<string> | AsyncIterable<string>;

interface LocalOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default values of batches cannot be read */
  readonly openBatch?: OpenBatch | undefined;
}

/**
 * A crawl with all its lists on this machine. Remote lists (at a URL, or stored with a schedule)
 * and the values of batches are copied once to a private folder, so measuring, fingerprint and
 * expansion see the same values.
 */
export class LocalCrawl {
  /** The crawl as it was written, with the remote paths. The ledger stores this one. */
  readonly original: Crawl;
  /** The crawl with local paths. It can be expanded until {@link remove}. */
  readonly crawl: Crawl;
  /** Has the copies; undefined if there are none. */
  readonly #folder: TemporaryFolder | undefined;

  private constructor(original: Crawl, crawl: Crawl, folder: TemporaryFolder | undefined) {
    this.original = original;
    this.crawl = crawl;
    this.#folder = folder;
  }

  /** @throws InputError with every list that cannot be read */
  static async of(
    original: Crawl,
    open: OpenList,
    options: LocalOptions = {},
  ): Promise<LocalCrawl> {
    if (!original.sources.some(isRemote)) {
      return new LocalCrawl(original, original, undefined);
    }
    const folder = await TemporaryFolder.create('lists');
    try {
      const sources = await fetchAll(original, { folder: folder.path, open, ...options });
      return new LocalCrawl(original, { ...original, sources }, folder);
    } catch (error) {
      await folder[Symbol.asyncDispose]();
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
    await this.#folder?.[Symbol.asyncDispose]();
  }

  #withOriginalPaths(error: InputError): InputError {
    const names = new Map<string, string>();
    this.crawl.sources.forEach((source, at) => {
      const original = this.original.sources[at];
      if (isListFile(source) && original !== undefined && source !== original) {
        names.set(source.path, nameOf(original));
      }
    });
    const problems = error.problems.map((problem) => ({
      ...problem,
      file: names.get(problem.file) ?? problem.file,
    }));
    return new InputError(problems, { cause: error });
  }
}

function isRemote(source: ParameterSource): source is ListFile | BatchValues {
  return source.kind === 'batch' || (isListFile(source) && isRemoteList(source.path));
}

/** What messages call the place of values. */
function nameOf(source: ParameterSource): string {
  if (source.kind === 'batch') {
    return `${source.select} of ${source.batch}`;
  }
  return isListFile(source) ? source.path : source.name;
}

interface Copying extends LocalOptions {
  readonly folder: string;
  readonly open: OpenList;
}

async function fetchAll(
  crawl: Crawl,
  { folder, open, signal, openBatch }: Copying,
): Promise<ParameterSource[]> {
  const sources: ParameterSource[] = [];
  const errors: InputError[] = [];
  for (const [at, source] of crawl.sources.entries()) {
    if (!isRemote(source)) {
      sources.push(source);
      continue;
    }
    // The format comes from Redis, and is no part of a path.
    const path = join(folder, String(at));
    try {
      const content =
        source.kind === 'batch' ? openBatch?.(source, signal) : await open(source, crawl, signal);
      if (content === undefined) {
        throw new Error('the values of a batch cannot be read here');
      }
      await write(path, content, signal);
      sources.push(
        source.kind === 'batch' ? await copyOf(source, path, signal) : { ...source, path },
      );
    } catch (error) {
      if (!(error instanceof InputError)) {
        throw error;
      }
      errors.push(error);
    }
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

async function write(
  path: string,
  content: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytes = Readable.from(content, { objectMode: false });
  await pipeline(bytes, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal });
}

/** The list that has the values of a batch. Whatever their JSON is, they are not trimmed. */
async function copyOf(
  { name, unique, blank = 'refuse' }: BatchValues,
  path: string,
  signal: AbortSignal | undefined,
): Promise<ListFile> {
  const list: ListFile = {
    name,
    kind: 'file',
    path,
    format: 'ndjson',
    column: 'value',
    rules: { trim: false, blank },
  };
  if (unique !== true) {
    return list;
  }
  const distinct = { ...list, path: `${path}-distinct` };
  await write(distinct.path, distinctLines(list, signal), signal);
  return distinct;
}
