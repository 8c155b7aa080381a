import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { callbackify } from 'node:util';
import { exportBatch } from '@fetchfleet/results';
import { explainResults } from '../../batch/explain-results.ts';
import type { Context } from '../../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../../core/errors.ts';
import { readPlaces } from '../../core/settings.ts';
import { printRecord } from './print-record.ts';
import { type AgainOptions, fetchAgain } from './fetch-again.ts';
import { warnOfMissingBodies } from '../../report/missing-bodies.ts';
import { warnOfSkippedParts } from '../../report/skipped-parts.ts';
import { withBatch } from '../../results/check-out.ts';
import { namesOf, openPlaces } from '../../results/open-place.ts';

export interface ShowOptions extends AgainOptions {
  /** Fetch it anew. */
  readonly again?: boolean;
  readonly results?: readonly string[];
}

interface Shown {
  readonly batch: string;
  readonly index: number;
  readonly options: ShowOptions;
  readonly context: Context;
}

/** `fetchfleet show BATCH INDEX`: one record, whole. Without an index, the crawl file. */
export async function show(
  [batch, text]: readonly [string, string | undefined],
  options: ShowOptions,
  context: Context,
): Promise<ExitCode> {
  if (text === undefined) {
    if (options.body === true || options.again === true || options.verbose === true) {
      throw new CommandError('--body, --again and -v are about one record: name its index', {
        code: 'INPUT_INVALID',
      });
    }
    return (await import('./show-crawl.ts')).showCrawl(batch, options, context);
  }
  if (options.verbose === true && options.again !== true) {
    throw new CommandError('-v shows what is sent and answered: add --again', {
      code: 'INPUT_INVALID',
    });
  }
  const index = indexIn(text);
  const shown = { batch, index, options, context };
  if (options.again === true) {
    let first: string | undefined;
    await forEachRecord(shown, async (line) => {
      first ??= line;
    });
    return fetchAgain({ batch, index, line: first ?? '' }, options, context);
  }
  const isWhole = await forEachRecord(shown, async (line) => printRecord(line, options, context));
  return isWhole ? EXIT.ok : EXIT.someFailed;
}

function indexIn(text: string): number {
  if (/^\d{1,10}$/u.test(text)) {
    return Number(text);
  }
  throw new CommandError(`"${text}" is no index: the fetches of a batch count from 0`, {
    code: 'INPUT_INVALID',
  });
}

/**
 * Takes the records that an export would write for the index, one after the other: all pages of a
 * fetch may be too much for the memory.
 *
 * @returns whether all parts were read
 */
async function forEachRecord(
  { batch, index, options, context }: Shown,
  onRecord: (line: string) => Promise<void>,
): Promise<boolean> {
  const places = await openPlaces(readPlaces(options.results, context), context);
  const { drain: signal } = context.interrupts.takeOver();
  const lines = new Lines();
  let count = 0;
  const take = async (chunk: Buffer): Promise<void> => {
    for (const line of lines.add(chunk)) {
      count += 1;
      await onRecord(line);
    }
  };
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => callbackify(take)(chunk, done),
  });
  let isWhole = true;
  const range = [index, index + 1] as const;
  try {
    const source = { places, batch, needsBodies: true, signal };
    const summary = await withBatch(source, context, async (dir) =>
      exportBatch({ dir, batch, format: 'ndjson', out, range, signal }),
    );
    out.end();
    await finished(out, { signal });
    warnOfSkippedParts(summary.skippedParts, context.terminal);
    const hasBodies = warnOfMissingBodies(summary, context.terminal);
    isWhole = summary.skippedParts.length === 0 && hasBodies;
  } catch (error) {
    signal.throwIfAborted();
    throw await explainResults(error, batch, places);
  }
  if (count === 0) {
    throw new CommandError(`fetch ${index} of ${batch} has no record in ${namesOf(places)}`, {
      code: 'RECORD_MISSING',
    });
  }
  return isWhole;
}

/** Makes lines of chunks, whose ends may be anywhere. */
class Lines {
  readonly #begun: Buffer[] = [];

  /** The lines that the chunk ends. */
  *add(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      this.#begun.push(chunk.subarray(start, end));
      start = end + 1;
      yield Buffer.concat(this.#begun.splice(0)).toString();
    }
    if (start < chunk.length) {
      this.#begun.push(chunk.subarray(start));
    }
  }
}
