import type { Writable } from 'node:stream';
import {
  exportBatch,
  exportRows,
  type ReadOptions,
  type RowsSummary,
  TextSink,
} from '@fetchfleet/results';
import { collectEarly } from '../../core/collect-early.ts';
import type { RowChoice } from './options.ts';

interface WriteOptions {
  readonly format: 'ndjson' | 'csv' | 'parquet';
  readonly isCsvSafe: boolean;
  /** Undefined if all records are written as they are. */
  readonly choice: RowChoice | undefined;
}

/** Writes the records of a batch, or what was chosen of them. Does not end the stream. */
export async function writeRecords(
  read: ReadOptions,
  out: Writable,
  { format, isCsvSafe, choice }: WriteOptions,
): Promise<RowsSummary> {
  const { fields, ...rows } = choice ?? {};
  const common = { fields, ...(read.signal !== undefined && { signal: read.signal }) };
  if (format === 'parquet') {
    collectEarly();
    const { ParquetSink } = await import('@fetchfleet/results/parquet');
    return exportRows({ ...read, ...rows, open: (shape) => new ParquetSink(out, shape, common) });
  }
  if (choice !== undefined) {
    const text = { ...common, format, isCsvSafe };
    return exportRows({ ...read, ...rows, open: (shape) => new TextSink(out, shape, text) });
  }
  // Most exports: lines are copied, four times as fast as rows are made.
  const summary = await exportBatch({ ...read, format, isCsvSafe, out, reuseChunks: true });
  return { rows: summary.written, leftOut: 0, withoutList: 0, ...summary };
}
