import { Writable } from 'node:stream';
import { exportBatch } from '@fetchfleet/results';
import { explainResults } from '../../batch/explain-results.ts';
import type { Context } from '../../core/context.ts';
import { CommandError, EXIT, type ExitCode } from '../../core/errors.ts';
import { readResultsFolders } from '../../core/settings.ts';
import { printRecord } from './print-record.ts';
import { type AgainOptions, fetchAgain } from './fetch-again.ts';
import { warnOfSkippedParts } from '../../report/skipped-parts.ts';

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

/** `fetchfleet show BATCH INDEX`: one record, whole. */
export async function show(
  [batch, text]: readonly [string, string],
  options: ShowOptions,
  context: Context,
): Promise<ExitCode> {
  if (options.verbose === true && options.again !== true) {
    throw new CommandError('-v shows what is sent and answered: add --again', {
      code: 'INPUT_INVALID',
    });
  }
  const index = indexIn(text);
  const shown = { batch, index, options, context };
  const lines = await recordsOf(shown);
  if (options.again === true) {
    const [line = ''] = lines;
    return fetchAgain({ batch, index, line }, options, context);
  }
  for (const line of lines) {
    printRecord(line, options, context);
  }
  return EXIT.ok;
}

function indexIn(text: string): number {
  if (/^\d{1,10}$/u.test(text)) {
    return Number(text);
  }
  throw new CommandError(`"${text}" is no index: the fetches of a batch count from 0`, {
    code: 'INPUT_INVALID',
  });
}

/** The records that an export would write for the index. */
async function recordsOf({ batch, index, options, context }: Shown): Promise<readonly string[]> {
  const dirs = readResultsFolders(options.results, context);
  const { drain: signal } = context.interrupts.takeOver();
  const chunks: Buffer[] = [];
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const range = [index, index + 1] as const;
  try {
    const { skippedParts } = await exportBatch({
      dir: dirs,
      batch,
      format: 'ndjson',
      out,
      range,
      signal,
    });
    warnOfSkippedParts(skippedParts, context.terminal);
  } catch (error) {
    signal.throwIfAborted();
    throw await explainResults(error, batch, dirs);
  }
  const lines = Buffer.concat(chunks).toString().split('\n').filter(Boolean);
  if (lines.length === 0) {
    throw new CommandError(`fetch ${index} of ${batch} has no record in ${dirs.join(' and ')}`, {
      code: 'RECORD_MISSING',
    });
  }
  return lines;
}
