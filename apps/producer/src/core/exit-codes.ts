import { CommanderError } from 'commander';
import { CommandError } from './command-error.ts';

/** What the exit status of every command means. */
export const EXIT = {
  /** Every fetch succeeded, or the command did what it was asked. */
  ok: 0,
  /** Finished, and some fetches failed; an export with records missing. */
  someFailed: 1,
  /** The input is wrong: crawl file, flag, setting, batch id. */
  badInput: 2,
  /** Redis, the results folder or the output file cannot be reached; nothing that other input would mend. */
  unavailable: 3,
  /** Stopped by a signal, or cancelled from elsewhere. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_CODE: Readonly<Record<string, ExitCode>> = {
  INPUT_INVALID: EXIT.badInput,
  SETTINGS_INVALID: EXIT.badInput,
  REDIS_URL_INVALID: EXIT.badInput,
  BATCH_UNKNOWN: EXIT.badInput,
  REDIS_UNREACHABLE: EXIT.unavailable,
  SINK_UNWRITABLE: EXIT.unavailable,
};

/** The exit status that tells of this error. */
export function exitCodeFor(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  // Help and version "fail" with 0; everything else that commander throws is about the command line.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return BY_CODE[code] ?? EXIT.unavailable;
}
