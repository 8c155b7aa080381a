import { withTimeout } from '@fetchfleet/service';
import { HttpError } from '../http/http-error.ts';

/** Commands wait in the client of Redis for as long as it does not answer: nobody else does. */
const TIMEOUT_MS = 5_000;

/** @throws HttpError if it takes longer. @default 5 s */
export async function withinTime<T>(work: Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  return withTimeout(work, {
    timeoutMs,
    onTimeout: () => {
      throw new HttpError(503, 'TOOK_TOO_LONG', {
        message: `there was no answer within ${timeoutMs / 1_000} s: Redis or the disk is slow`,
      });
    },
  });
}
