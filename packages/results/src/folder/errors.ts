import { toError } from '@fetchfleet/crawl';

/** The id of a batch or worker cannot be part of a file name. Nothing was read or written. */
export class InvalidIdError extends Error {
  override readonly name = 'InvalidIdError';
  readonly code = 'RESULTS_INVALID_ID';
}

/** The batch has no folder in this results folder: no worker has written there. */
export class ResultsNotFoundError extends Error {
  override readonly name = 'ResultsNotFoundError';
  readonly code = 'RESULTS_NOT_FOUND';
}

/** A part shrank or disappeared during a read. Start the read again. */
export class ResultsChangedError extends Error {
  override readonly name = 'ResultsChangedError';
  readonly code = 'RESULTS_CHANGED';
}

/** The copy of a batch would be larger than its reader allows. Nothing of it is left. */
export class CopyTooLargeError extends Error {
  override readonly name = 'CopyTooLargeError';
  readonly code = 'COPY_TOO_LARGE';
}

/** Something in a results folder cannot be read: a permission is missing, or the disk is broken. */
export class ResultsUnreadableError extends Error {
  override readonly name = 'ResultsUnreadableError';
  readonly code = 'RESULTS_UNREADABLE';
}

/** What is at a path is nothing that workers write: a link, a pipe, a device, a giant manifest. */
export class UnfitFileError extends ResultsUnreadableError {}

/** The error for a file that cannot be read. Errors that are not from the system pass unchanged. */
export function readError(path: string, cause: unknown): Error {
  const code = systemErrorCode(cause);
  if (code === 'ENOENT') {
    return new ResultsChangedError(`${path} disappeared while it was read`, { cause });
  }
  if (code === undefined) {
    return toError(cause);
  }
  const hint =
    code === 'EACCES' ? ' (workers write for their own user, unless they have --umask)' : '';
  const { message } = toError(cause);
  return new ResultsUnreadableError(`cannot read ${path}: ${message}${hint}`, { cause });
}

/** The code of an operating system error (`ENOSPC`); undefined for any other value. */
export function systemErrorCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) {
    return undefined;
  }
  if (!('code' in thrown) || !('syscall' in thrown)) {
    return undefined;
  }
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
