import { exportRows, type ReadOptions, type RowsSummary } from '@fetchfleet/results';
import type { PostgresCounts } from '@fetchfleet/results/postgres';
import type { RowChoice } from './options.ts';

/** @default the table of the option */
export const DEFAULT_TABLE = 'fetches';

interface Database {
  /** Its address, which may hold a password. */
  readonly url: string;
  readonly table: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The summary of an export to a database, with its address as it may be shown. */
export interface DatabaseSummary extends RowsSummary, PostgresCounts {
  readonly database: string;
}

/** Writes the records of a batch to a table: all of them, or none. */
export async function writeToDatabase(
  read: ReadOptions,
  { url, table, env }: Database,
  choice: RowChoice | undefined,
): Promise<DatabaseSummary> {
  const { PostgresExport } = await import('@fetchfleet/results/postgres');
  const sink = new PostgresExport({ url, table, env });
  // Also ends a statement that the database does not answer.
  const stop = (): void => void sink.stop();
  read.signal?.addEventListener('abort', stop, { once: true });
  try {
    read.signal?.throwIfAborted();
    await sink.start();
    const { outcomes, select } = choice ?? {};
    const summary = await exportRows({ ...read, outcomes, select, open: () => sink });
    return { database: sink.address, ...summary, ...sink.counts };
  } catch (error) {
    read.signal?.throwIfAborted();
    throw error;
  } finally {
    read.signal?.removeEventListener('abort', stop);
    await sink.stop();
  }
}
