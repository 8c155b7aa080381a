import { formatProblem, InputError } from '@fetchfleet/crawl';

/** What the exit status of every command means. */
export const EXIT = {
  /** Every fetch succeeded, or the command did what it was asked to do. */
  ok: 0,
  /** The batch finished and some fetches failed; or an export lacks records. */
  someFailed: 1,
  /** An error nobody expected. Prints its message, and under FETCHFLEET_DEBUG its stack. */
  unexpected: 1,
  /** The input is wrong: crawl file, flag, setting, batch id. */
  badInput: 2,
  /** Redis, the results folder or the output file cannot be reached; it may work later. */
  unavailable: 3,
  /** Stopped by a signal, or cancelled by another command. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * Every error code that a command may end with, by its consequence. Codes of the packages stand
 * here too. A code that is missing is an error nobody expected.
 */
export const EXIT_CODES = {
  // The person who typed the command has to change something.
  INPUT_INVALID: EXIT.badInput,
  SETTINGS_INVALID: EXIT.badInput,
  REDIS_URL_INVALID: EXIT.badInput,
  REDIS_UNNAMED: EXIT.badInput,
  REDIS_UNFIT: EXIT.badInput,
  SHARDS_DIFFER: EXIT.badInput,
  BATCH_UNKNOWN: EXIT.badInput,
  BATCH_ENDED: EXIT.badInput,
  BATCH_NOT_OPEN: EXIT.badInput,
  BATCH_DIFFERS: EXIT.badInput,
  LISTS_CHANGED: EXIT.badInput,
  LISTS_UNTRUSTED: EXIT.badInput,
  SCHEDULE_UNKNOWN: EXIT.badInput,
  WORKER_UNKNOWN: EXIT.badInput,
  ORIGIN_UNKNOWN: EXIT.badInput,
  CONFIRMATION_MISSING: EXIT.badInput,
  OUTPUT_AMBIGUOUS: EXIT.badInput,
  OUTPUT_EXISTS: EXIT.badInput,
  RESULTS_MISSING: EXIT.badInput,
  RESULTS_INVALID_ID: EXIT.badInput,
  RESULTS_NOT_FOUND: EXIT.badInput,
  FIELD_VALUE_INVALID: EXIT.badInput,
  DATABASE_UNFIT: EXIT.badInput,
  DUCKDB_MISSING: EXIT.badInput,

  // Redis, a folder or a database has to come back.
  REDIS_UNREACHABLE: EXIT.unavailable,
  REDIS_REFUSED: EXIT.unavailable,
  REDIS_SERVER_MISSING: EXIT.unavailable,
  REDIS_FOLDER: EXIT.unavailable,
  SINK_UNWRITABLE: EXIT.unavailable,
  RESULTS_CHANGED: EXIT.unavailable,
  RESULTS_UNREADABLE: EXIT.unavailable,
  OUTPUT_UNWRITABLE: EXIT.unavailable,
  DATABASE_UNAVAILABLE: EXIT.unavailable,

  // The command could not do what it was asked to do, for another reason.
  STORED_STATE_INVALID: EXIT.someFailed,
  BATCH_BUSY: EXIT.someFailed,
  BATCH_REMOVED: EXIT.someFailed,
  RECORD_MISSING: EXIT.someFailed,
  SCHEDULE_RUN_FAILED: EXIT.someFailed,
  WORKERS_LOST: EXIT.unexpected,
  WEB_LOST: EXIT.unexpected,
} as const satisfies Readonly<Record<string, ExitCode>>;

export type ErrorCode = keyof typeof EXIT_CODES;

/** A command did not do what was asked. The message is for the person who typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: ErrorCode;
  /** One line each. They are printed before the message. */
  readonly problems: readonly string[];

  constructor(
    message: string,
    options: {
      readonly code: ErrorCode;
      readonly problems?: readonly string[];
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.problems = options.problems ?? [];
  }

  get exitCode(): ExitCode {
    return EXIT_CODES[this.code];
  }
}

/** The exit status of a command that ended with this error. */
export function exitCodeFor(error: unknown): ExitCode {
  const code = codeOf(error);
  if (isErrorCode(code)) {
    return EXIT_CODES[code];
  }
  return isUnavailable(error, code) ? EXIT.unavailable : EXIT.unexpected;
}

/** Whether no line of the catalogue explains the error: then its stack is worth a look. */
export function isUnexpected(error: unknown): boolean {
  const isKnown = isErrorCode(codeOf(error)) || isWrongType(error);
  return !isKnown && exitCodeFor(error) === EXIT.unexpected;
}

/** The message for the person who typed the command. */
export function messageOf(error: unknown): string {
  if (isWrongType(error)) {
    return 'a key of this fleet has another type in Redis than fetchfleet stores: it was changed';
  }
  return error instanceof Error ? error.message : String(error);
}

/** A write to a key that somebody has replaced; what is read is checked by the fleet. */
function isWrongType(error: unknown): boolean {
  return (
    error instanceof Error && error.name === 'ReplyError' && /\bWRONGTYPE\b/u.test(error.message)
  );
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(EXIT_CODES, code);
}

/** ioredis has no code for a command that is still open when the connection ends for good. */
const CONNECTION_CLOSED = 'Connection is closed.';
/**
 * As `refusalCodeOf` of the fleet, which would load the client of Redis for every `--help`. Redis
 * 6.2 puts its answer behind a text of its own if a script ran into it.
 */
const REDIS_REFUSAL =
  /(?:^|\s-|ReplyError: )(?:OOM|MISCONF|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b/u;
/** Errors of the operating system: the host, the disk or the folder is not available. */
const SYSTEM_CODES = new Set([
  'EACCES',
  'EDQUOT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOSPC',
  'ENOTDIR',
  'EPERM',
  'EROFS',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

function isUnavailable(error: unknown, code: string): boolean {
  if (!(error instanceof Error)) {
    return false;
  }
  if (error.name === 'ReplyError') {
    return REDIS_REFUSAL.test(error.message);
  }
  if (error.message === CONNECTION_CLOSED) {
    return true;
  }
  return 'syscall' in error && SYSTEM_CODES.has(code);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** One line for each problem with the input; undefined if the error lists no problems. */
export function problemLines(error: unknown): readonly string[] | undefined {
  if (error instanceof InputError) {
    return error.problems.map(formatProblem);
  }
  // CommandError, and SettingsError of the service package, which is too much to load for its name.
  if (!(error instanceof Error) || !('problems' in error)) {
    return undefined;
  }
  const { problems } = error;
  return Array.isArray(problems) ? problems.map(String) : undefined;
}

/** Collects what is wrong with the input over several steps, to report everything at once. */
export class Problems {
  readonly #lines: string[] = [];

  add(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  /** The result of a step; undefined if it found the input wrong. Rethrows other errors. */
  async collect<T>(step: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      const lines = problemLines(error);
      if (lines === undefined || lines.length === 0) {
        throw error;
      }
      this.add(...lines);
      return undefined;
    }
  }

  /**
   * @param consequence what did not happen: `nothing was enqueued`
   * @throws CommandError (exit 2) with every problem that was added
   */
  throwIfAny(consequence: string): void {
    const count = this.#lines.length;
    if (count === 0) {
      return;
    }
    throw new CommandError(`${count === 1 ? '1 problem' : `${count} problems`}: ${consequence}`, {
      code: 'INPUT_INVALID',
      problems: this.#lines,
    });
  }
}
