import type { ExitCode } from './exit-codes.ts';

/** Why a command ends without having done what was asked, in words for the person who typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: string;
  readonly exitCode: ExitCode;
  /** One line each, when there is more to say than the message. */
  readonly problems: readonly string[];

  constructor(
    message: string,
    options: {
      readonly code: string;
      readonly exitCode: ExitCode;
      readonly problems?: readonly string[];
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.exitCode = options.exitCode;
    this.problems = options.problems ?? [];
  }
}
