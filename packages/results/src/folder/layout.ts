import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isBatchId } from '@fetchfleet/crawl';
import {
  InvalidIdError,
  readError,
  ResultsNotFoundError,
  systemErrorCode,
  UnfitFileError,
} from './errors.ts';
import { findRegular, refuseLink, type RegularFile } from './regular-file.ts';

/**
 * The files in a results folder:
 *
 *     <dir>/.fetchfleet-results                 marker: the id of this results folder
 *     <dir>/<batch>/batch.json                  manifest: what an export needs to know of the batch
 *     <dir>/<batch>/part-<worker>-<n>.ndjson    records, one per line, in the order they ended
 *     <dir>/<batch>/part-<worker>-<n>.ndjson.zst    the same, compressed: a frame for each flush
 *     <dir>/<batch>/records-<hash>.parquet      the records as a table, which a query has made
 */
const WORKER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;
/** Also of files that somebody renamed. Control characters would move the cursor in messages. */
export const PART_NAME = /^part-\P{Cc}+-\d+\.ndjson(?:\.zst)?$/u;
const COMPRESSED_ENDING = '.zst';

/** How the parts of a worker are written. */
export type Compression = 'none' | 'zstd';

/** With the rest of one that was interrupted. */
export const CACHE_NAME = /^records-[0-9a-f]{16}\.parquet(?:\.[0-9a-f]{8}\.tmp)?$/;

/** Whether it is the table of a finished query. */
export function isCacheName(name: string): boolean {
  return CACHE_NAME.test(name) && !name.endsWith('.tmp');
}

/**
 * The folder of a batch. Ids are user input; this check keeps them from pointing outside `dir`.
 *
 * @throws InvalidIdError
 */
export function batchFolder(dir: string, batch: string): string {
  assertBatchId(batch);
  return join(dir, batch);
}

/** @throws InvalidIdError */
export function assertBatchId(batch: string): void {
  if (!isBatchId(batch)) {
    throw new InvalidIdError(`${JSON.stringify(batch.slice(0, 80))} is not a batch id`);
  }
}

/** @throws InvalidIdError unless the id of a worker can be part of a file name */
export function assertWorkerId(worker: string): void {
  if (WORKER_ID.test(worker)) {
    return;
  }
  const shown = JSON.stringify(worker.slice(0, 80));
  throw new InvalidIdError(
    `${shown} is not a worker id: 1 to 40 letters, digits, ".", "_" and "-"`,
  );
}

export function rootMarkerPath(dir: string): string {
  return join(dir, '.fetchfleet-results');
}

export function manifestPath(folder: string): string {
  return join(folder, 'batch.json');
}

export interface PartName {
  readonly worker: string;
  readonly number: number;
  readonly compression: Compression;
}

export function partPath(folder: string, { worker, number, compression }: PartName): string {
  const ending = compression === 'none' ? '' : COMPRESSED_ENDING;
  return join(folder, `part-${worker}-${number}.ndjson${ending}`);
}

/** The name that a compressed part has once it is a plain one. */
export function plainName(name: string): string {
  return name.slice(0, -COMPRESSED_ENDING.length);
}

/** The parts of a batch, as they were when they were listed. */
export interface Parts {
  /** Plain parts, sorted by name in each folder. */
  readonly files: readonly RegularFile[];
  /** Compressed parts: they are read once a store has checked them out. */
  readonly compressed: readonly RegularFile[];
  /** One sentence for each that is left out: `… is a named pipe, not a regular file`. */
  readonly skipped: readonly string[];
}

/** Results folders that have a batch, at least one, and the parts of all of them. */
interface FoundParts {
  readonly dirs: readonly string[];
  readonly parts: Parts;
}

/**
 * The plain parts of a batch in several results folders, to read them. Compressed ones without a
 * copy in another folder count as skipped: whoever forgets to check a batch out is told so.
 *
 * @throws ResultsNotFoundError if none has the batch; ResultsUnreadableError
 */
export async function findParts(dirs: readonly string[], batch: string): Promise<FoundParts> {
  const { parts, ...found } = await findAllParts(dirs, batch);
  const { files, compressed } = parts;
  const plain = new Set(files.map(({ path }) => basename(path)));
  const isCopied = compressed.some(({ path }) => plain.has(plainName(basename(path))));
  const left = isCopied ? [] : compressed;
  const skipped = left.map(({ path }) => `${path} is compressed, and was not checked out`);
  return { ...found, parts: { ...parts, skipped: [...parts.skipped, ...skipped] } };
}

/**
 * The parts of a batch in several results folders, compressed ones included.
 *
 * @throws ResultsNotFoundError if none has the batch; ResultsUnreadableError
 */
export async function findAllParts(dirs: readonly string[], batch: string): Promise<FoundParts> {
  const found = new Map<string, Parts>();
  let missing: ResultsNotFoundError | undefined;
  for (const dir of new Set(dirs)) {
    try {
      found.set(dir, await listParts(batchFolder(dir, batch)));
    } catch (error) {
      if (!(error instanceof ResultsNotFoundError)) {
        throw error;
      }
      missing ??= error;
    }
  }
  if (found.size === 0 && missing !== undefined) {
    throw missing;
  }
  const all = [...found.values()];
  return {
    dirs: [...found.keys()],
    parts: {
      files: all.flatMap(({ files }) => files),
      compressed: all.flatMap(({ compressed }) => compressed),
      skipped: all.flatMap(({ skipped }) => skipped),
    },
  };
}

/**
 * All parts of a batch. What is no regular file is left out: its records are lost, and those of the
 * others are not.
 *
 * @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError
 */
export async function listParts(folder: string): Promise<Parts> {
  const files: RegularFile[] = [];
  const compressed: RegularFile[] = [];
  const skipped: string[] = [];
  for (const name of (await partNames(folder)).toSorted()) {
    try {
      const file = await findRegular(join(folder, name));
      (isCompressed(name) ? compressed : files).push(file);
    } catch (error) {
      if (!(error instanceof UnfitFileError)) {
        throw error;
      }
      skipped.push(error.message);
    }
  }
  return { files, compressed, skipped };
}

/**
 * Whether parts in the folder of a batch are compressed.
 *
 * @throws ResultsNotFoundError, ResultsUnreadableError
 */
export async function hasCompressedParts(folder: string): Promise<boolean> {
  return (await partNames(folder)).some(isCompressed);
}

function isCompressed(name: string): boolean {
  return name.endsWith(COMPRESSED_ENDING);
}

async function partNames(folder: string): Promise<string[]> {
  try {
    await refuseLink(folder);
    return (await readdir(folder)).filter((name) => PART_NAME.test(name));
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') {
      throw readError(folder, error);
    }
    throw new ResultsNotFoundError(`there are no results in ${folder}`, { cause: error });
  }
}
