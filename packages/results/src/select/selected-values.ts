import { PassThrough } from 'node:stream';
import { bodyText, type Select } from '@fetchfleet/crawl';
import { exportBatch } from '../export/export-batch.ts';
import { readRank } from '../folder/record-line.ts';

const NEWLINE = 0x0a;
/** How much is gathered before it is passed on. */
const CHUNK_LENGTH = 64 * 1024;

interface SelectOptions {
  /** Results folder. */
  readonly dir: string;
  readonly batch: string;
  readonly select: Select;
  readonly signal?: AbortSignal | undefined;
  /** Called once, after the last value. */
  readonly onEnd: (summary: SelectSummary) => void;
}

export interface SelectSummary {
  readonly values: number;
  /** Records of successes whose body is JSON. */
  readonly records: number;
  /** Records of successes whose body is no JSON: they have no values. */
  readonly notJson: number;
  /** Fetches without a record. */
  readonly missing: number;
}

/**
 * Takes values out of the bodies of a batch, in the order of its fetches. Memory holds a record,
 * and 8 bytes for each fetch as in an export.
 *
 * @returns lines `{"value":…}`; numbers have the digits of the body
 * @throws ResultsNotFoundError, ResultsChangedError, ResultsUnreadableError
 */
export async function* selectedValues(options: SelectOptions): AsyncGenerator<string> {
  const { dir, batch, select, signal, onEnd } = options;
  const out = new PassThrough();
  const exported = exportBatch({ dir, batch, format: 'ndjson', out, ...(signal && { signal }) });
  // A failure ends the loop below, which throws it.
  exported.then(
    () => out.end(),
    (error: unknown) => out.destroy(error instanceof Error ? error : undefined),
  );
  const counts = { values: 0, records: 0, notJson: 0 };
  let text = '';
  try {
    for await (const line of linesOf(out)) {
      const body = readRank(line)?.isOk === true ? bodyText(line.toString()) : undefined;
      if (body === undefined) {
        continue;
      }
      const values = select(body);
      if (values === undefined) {
        counts.notJson++;
        continue;
      }
      counts.records++;
      for (const value of values) {
        counts.values++;
        text += `{"value":${value}}\n`;
        if (text.length > CHUNK_LENGTH) {
          yield text;
          text = '';
        }
      }
    }
    const { missing } = await exported;
    yield text;
    onEnd({ ...counts, missing });
  } finally {
    out.destroy();
    await exported.catch(() => undefined);
  }
}

async function* linesOf(stream: PassThrough): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const tail = chunk.subarray(from, end);
      yield rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
      rest = [];
      from = end + 1;
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from));
    }
  }
}
