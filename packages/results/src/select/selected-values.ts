import { PassThrough } from 'node:stream';
import { bodyText, type Select, toError } from '@fetchfleet/crawl';
import type { ExportSummary } from '../export/export-batch.ts';
import { Output } from '../export/output.ts';
import { readLines } from '../export/read-lines.ts';
import { readRank } from '../folder/record-line.ts';

/** How much is gathered before it is passed on. */
const CHUNK_LENGTH = 64 * 1024;

interface SelectOptions {
  /** Results folder. */
  readonly dir: string | readonly string[];
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
  /** Set if bodies are in earlier batches that are not there any more. */
  readonly missingBodies?: ExportSummary['missingBodies'];
}

/**
 * Takes values out of the bodies of a batch, in the order of its fetches. Memory holds a record,
 * and 8 bytes for each fetch as in an export.
 *
 * @returns lines `{"value":…}`; numbers have the digits of the body
 * @throws ResultsNotFoundError, ResultsChangedError, ResultsUnreadableError
 */
export async function* selectedValues(options: SelectOptions): AsyncGenerator<string> {
  const { signal, onEnd } = options;
  // Who has left the loop takes no more, and a write would wait for ever.
  const left = new AbortController();
  const ended = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const out = new PassThrough({ encoding: 'utf8' });
  const reading = writeValues({ ...options, signal: ended }, out);
  // A failure ends the loop, which throws it.
  reading.then(
    () => out.end(),
    (error: unknown) => out.destroy(toError(error)),
  );
  try {
    yield* out as AsyncIterable<string>;
    onEnd(await reading);
  } finally {
    left.abort();
    out.destroy();
    await reading.catch(() => undefined);
  }
}

async function writeValues(
  { dir, batch, select, signal }: SelectOptions,
  out: PassThrough,
): Promise<SelectSummary> {
  const output = new Output(out, signal);
  const counts = { values: 0, records: 0, notJson: 0 };
  let text = '';
  const flush = async (): Promise<void> => {
    const full = text;
    text = '';
    await output.write(full);
  };
  const onLine = (line: Buffer): void | Promise<void> => {
    const body = readRank(line)?.isOk === true ? bodyText(line.toString()) : undefined;
    if (body === undefined) {
      return undefined;
    }
    const values = select(body);
    if (values === undefined) {
      counts.notJson++;
      return undefined;
    }
    counts.records++;
    counts.values += values.length;
    for (const value of values) {
      text += `{"value":${value}}\n`;
    }
    return text.length > CHUNK_LENGTH ? flush() : undefined;
  };
  const { missing, missingBodies } = await readLines({
    dir,
    batch,
    ...(signal && { signal }),
    onLine,
  });
  await flush();
  return { ...counts, missing, ...(missingBodies && { missingBodies }) };
}
