import { isRedisError, RedisUnreachableError, StoredStateError } from '@fetchfleet/fleet';
import {
  CopyTooLargeError,
  ResultsChangedError,
  ResultsNotFoundError,
  ResultsUnreadableError,
} from '@fetchfleet/results';
import { HttpError } from '../http/http-error.ts';
import { RecordsCopyingError } from '../records/record-folders.ts';

/** The error as an answer, where what has failed is not this program. */
export function explained(error: unknown): unknown {
  if (error instanceof HttpError || !(error instanceof Error)) {
    return error;
  }
  const cause = error;
  if (error instanceof RedisUnreachableError || isRedisError(error)) {
    return new HttpError(503, 'REDIS_UNREACHABLE', {
      message: 'Redis does not answer, or refuses to',
      cause,
    });
  }
  if (error instanceof StoredStateError) {
    return new HttpError(500, error.code, { message: error.message, cause });
  }
  if (error instanceof RecordsCopyingError) {
    const headers = { 'retry-after': '1' };
    return new HttpError(503, error.code, { message: error.message, headers, cause });
  }
  if (error instanceof CopyTooLargeError) {
    return new HttpError(413, error.code, {
      message: `${error.message}, which is too much for a copy here: fetchfleet export has all of them`,
      cause,
    });
  }
  if (error instanceof ResultsNotFoundError) {
    return new HttpError(404, error.code, {
      message: 'there are no records of this batch where this page looks for them',
      cause,
    });
  }
  if (error instanceof ResultsChangedError || error instanceof ResultsUnreadableError) {
    return new HttpError(503, error.code, { message: error.message, cause });
  }
  return error.name === 'TimeoutError'
    ? new HttpError(503, 'TOOK_TOO_LONG', { message: 'that takes too long here', cause })
    : error;
}
