import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { pipeline } from 'node:stream/promises';
import type { StreamedAnswer } from '../http/answer.ts';
import { HttpError } from '../http/http-error.ts';
import { FOREIGN_BODY_HEADERS } from '../http/security-headers.ts';
import { Places } from './places.ts';
import { endChild, exitOf, type Program } from './program.ts';

/** A reader that takes nothing for so long is gone. */
const STALLED_MS = 60_000;

export const EXPORT_FORMATS = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
} as const;

type ExportFormat = keyof typeof EXPORT_FORMATS;

export interface ExportRequest {
  readonly batch: string;
  readonly format: ExportFormat;
  readonly outcomes: readonly string[];
}

/** Exports: what `fetchfleet export` writes, as it comes. */
export class Exports {
  readonly #program: Program;
  readonly #places = new Places({ atOnce: 2, waiting: 4 });

  constructor(program: Program) {
    this.#program = program;
  }

  open(request: ExportRequest): StreamedAnswer {
    return {
      stream: async (response) => this.#places.hold(async () => this.#run(request, response)),
    };
  }

  async #run({ batch, format, outcomes }: ExportRequest, response: ServerResponse): Promise<void> {
    const flags = outcomes.map((outcome) => `--outcome=${outcome}`);
    const safe = format === 'csv' ? ['--csv-safe'] : [];
    const args = ['export', `--format=${format}`, ...safe, ...flags, '-o', '-', '--', batch];
    const child = this.#program.start(args, { cwd: tmpdir(), surroundings: 'results' });
    const exited = exitOf(child);
    exited.catch(() => undefined); // it is waited for below
    const errors = child.stderr?.setEncoding('utf8').toArray() ?? Promise.resolve([]);
    errors.catch(() => undefined); // likewise
    response.once('close', () => endChild(child));
    response.setTimeout(STALLED_MS, () => response.destroy());
    const { stdout } = child;
    if (stdout === null) {
      throw new Error('the command has no output');
    }
    // What is wrong with the request is known before the first record.
    await Promise.race([once(stdout, 'readable'), exited]);
    if (stdout.readableLength === 0 && isFailure(await exited)) {
      throw refusal((await errors).join(''));
    }
    response.writeHead(200, {
      ...FOREIGN_BODY_HEADERS,
      'content-type': EXPORT_FORMATS[format],
      'content-disposition': `attachment; filename="${batch}.${format}"`,
    });
    await pipeline(stdout, response, { end: false });
    // Any other end leaves the download incomplete, visibly.
    if (isFailure(await exited)) {
      response.destroy();
    } else {
      response.end();
    }
  }
}

/** 1: some fetches have no record yet. */
function isFailure(exitCode: number | null): boolean {
  return exitCode !== 0 && exitCode !== 1;
}

function refusal(stderr: string): HttpError {
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  return new HttpError(409, 'EXPORT_FAILED', { message: last.replace(/^error: /u, '') });
}
