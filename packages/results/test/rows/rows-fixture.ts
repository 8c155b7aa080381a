import { Writable } from 'node:stream';
import { exportRows, type RowsOptions, type RowsSummary, TextSink } from '@fetchfleet/results';
import { BATCH } from '../record-lines.ts';

/** Keeps what is written to it, also if the memory of a chunk is used again. */
export class Memory extends Writable {
  readonly #chunks: Buffer[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    setImmediate(done);
  }
}

export type Choice = Partial<RowsOptions> & {
  readonly dir: string;
  readonly format?: 'ndjson' | 'csv';
  readonly fields?: readonly string[];
};

/** Exports rows as text to memory. */
export async function exportedRows({
  format = 'ndjson',
  fields,
  ...options
}: Choice): Promise<RowsSummary & { readonly text: string; readonly lines: readonly string[] }> {
  const out = new Memory();
  const summary = await exportRows({
    batch: BATCH,
    open: (shape) => new TextSink(out, shape, { format, fields, isCsvSafe: false }),
    ...options,
  });
  const text = out.bytes.toString('utf8');
  return { ...summary, text, lines: text.split('\n').slice(0, -1) };
}
