import { writeFile } from 'node:fs/promises';
import { DuckDBInstance, DuckDBTimestampValue } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { readParquet } from 'parquet-wasm/node';

export interface ReadTable {
  readonly columns: readonly string[];
  /** Null for what is missing; times in milliseconds. */
  readonly rows: readonly (readonly unknown[])[];
}

/** Reads a file as the Rust implementation of Arrow does. */
export function readByArrow(bytes: Buffer): ReadTable {
  const table = tableFromIPC(readParquet(bytes).intoIPCStream());
  const columns = table.schema.fields.map(({ name }) => name);
  const vectors = table.schema.fields.map((_, at) => [...(table.getChildAt(at) ?? [])]);
  const rows = Array.from({ length: table.numRows }, (_, row) =>
    vectors.map((vector) => vector[row] as unknown),
  );
  return { columns, rows };
}

/** Reads a file as DuckDB does. */
export async function readByDuckDb(path: string, bytes: Buffer): Promise<ReadTable> {
  await writeFile(path, bytes);
  return queryDuckDb(`SELECT * FROM read_parquet('${path}')`);
}

export async function queryDuckDb(sql: string): Promise<ReadTable> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    const rows = reader.getRows().map((row) => row.map(plain));
    return { columns: reader.columnNames(), rows };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function plain(value: unknown): unknown {
  return value instanceof DuckDBTimestampValue ? Number(value.micros / 1_000n) : value;
}
