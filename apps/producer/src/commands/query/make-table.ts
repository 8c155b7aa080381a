import { join } from 'node:path';
import type { Writable } from 'node:stream';
import {
  exportRows,
  type ExportSummary,
  findCache,
  systemErrorCode,
  writeCache,
} from '@fetchfleet/results';
import { collectEarly } from '../../core/collect-early.ts';
import type { Context } from '../../core/context.ts';
import { type BatchSource, withBatch } from '../../results/check-out.ts';

interface TableSource extends BatchSource {
  /** A folder for tables that are not kept. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The records of a batch as a Parquet file. */
export interface Table extends Pick<ExportSummary, 'missingBodies'> {
  readonly path: string;
  /** A sentence for each part that is no regular file. */
  readonly skippedParts: readonly string[];
}

/**
 * The table of a batch. In results folders it is kept beside the parts, and made anew when a part
 * has changed. Of records elsewhere it is made for every query.
 */
export async function makeTable(source: TableSource, context: Context): Promise<Table> {
  const { places, batch, scratch } = source;
  const isKept = places.every(({ place }) => place.kind === 'folder');
  const folders = places.map(({ place }) => place.url);
  const cache = isKept ? await findCache(folders, batch) : undefined;
  if (cache?.isFresh === true) {
    return cache;
  }
  return withBatch(source, context, async (dir) => {
    if (cache !== undefined) {
      const kept = await keepTable({ ...source, dir }, cache.path);
      if (kept !== undefined) {
        return kept;
      }
    }
    const path = join(scratch, 'records.parquet');
    let table: Omit<Table, 'path'> = { skippedParts: [] };
    await writeCache(path, async (out) => {
      table = await writeTable({ ...source, dir }, out);
    });
    return { ...table, path };
  });
}

interface CheckedOutSource extends Omit<TableSource, 'places'> {
  readonly dir: readonly string[];
}

/** @returns undefined if the table cannot be kept there */
async function keepTable(source: CheckedOutSource, path: string): Promise<Table | undefined> {
  let table: Omit<Table, 'path'> = { skippedParts: [] };
  try {
    await writeCache(path, async (out) => {
      table = await writeTable(source, out);
      if (table.missingBodies !== undefined) {
        throw new IncompleteTableError();
      }
    });
    return { ...table, path };
  } catch (error) {
    // This user may not write there, the disk is full, or something else has the name.
    if (systemErrorCode(error) === undefined && !(error instanceof IncompleteTableError)) {
      throw error;
    }
    return undefined;
  }
}

async function writeTable(
  { dir, batch, signal }: CheckedOutSource,
  out: Writable,
): Promise<Omit<Table, 'path'>> {
  const { ParquetSink } = await import('@fetchfleet/results/parquet');
  collectEarly();
  const open: Parameters<typeof exportRows>[0]['open'] = (shape) =>
    new ParquetSink(out, shape, { signal });
  const { skippedParts, missingBodies } = await exportRows({ dir, batch, signal, open });
  return { skippedParts, ...(missingBodies !== undefined && { missingBodies }) };
}

/** Bodies are missing that may be back tomorrow: such a table is not kept. */
class IncompleteTableError extends Error {
  override readonly name = 'IncompleteTableError';
  readonly code = 'BODIES_MISSING';
}
