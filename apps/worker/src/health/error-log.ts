import { toError } from '@fetchfleet/crawl';
import { isRedisError, StoredStateError } from '@fetchfleet/fleet';
import type { RepeatLog } from '@fetchfleet/service';

/**
 * Logs the errors that a worker survives: those of Redis as a warning, because the worker tries
 * again and Redis is what needs attention; what is not valid there likewise; any other with its
 * stack, because it is a mistake in the program. Errors that keep coming are counted.
 */
export class ErrorLog {
  readonly #repeats: RepeatLog;

  constructor(repeats: RepeatLog) {
    this.#repeats = repeats;
  }

  /** An error of code that talks to Redis among other things. */
  report(thrown: unknown): void {
    const error = toError(thrown);
    if (error instanceof StoredStateError) {
      this.passedOver(error.message);
      return;
    }
    if (isRedisError(error)) {
      this.connectionFailed(error);
      return;
    }
    this.#repeats.write({
      level: 'error',
      message: 'internal error',
      fields: { err: error },
      key: error.stack ?? error.message,
    });
  }

  /** Something in Redis that no fleet stores. */
  passedOver(sentence: string): void {
    this.#repeats.write({ level: 'warn', message: sentence, fields: {} });
  }

  /** An error event of a connection to Redis, whatever its class. */
  connectionFailed(error: Error): void {
    const reason = reasonOf(error);
    this.#repeats.write({
      level: 'warn',
      message: 'Redis trouble; trying again',
      fields: { reason },
      // `MOVED 8123` and `MOVED 99` are the same trouble.
      key: reason.replaceAll(/\d+/g, '#'),
    });
  }
}

/** Node's error for a host with several addresses has no message. */
function reasonOf(error: Error): string {
  if (error.message !== '') {
    return error.message;
  }
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
