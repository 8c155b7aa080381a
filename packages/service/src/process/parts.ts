import { toError } from '@fetchfleet/crawl';

/** Owns a socket, a timer or a process. Stopping it twice, or before its start, is fine. */
export interface Part {
  /** Named where it cannot be stopped. */
  readonly name: string;
  start?(): Promise<unknown> | void;
  stop?(): Promise<unknown> | void;
}

/**
 * Starts the parts in order, each after the one before it has started.
 *
 * @param goesOn asked before each part. @default always
 * @returns false if `goesOn` ended it
 */
export async function startAll(
  parts: readonly Part[],
  goesOn: () => boolean = () => true,
): Promise<boolean> {
  for (const part of parts) {
    if (!goesOn()) {
      return false;
    }
    await part.start?.();
  }
  return goesOn();
}

/**
 * Stops the parts in reverse order, each after the one before it has stopped. A part that fails
 * keeps no other running.
 *
 * @param parts in the order in which they were started
 * @throws AggregateError with the errors of all that failed; the message names the parts
 */
export async function stopAll(parts: readonly Part[]): Promise<void> {
  const errors: Error[] = [];
  for (const part of parts.toReversed()) {
    try {
      await part.stop?.();
    } catch (error) {
      errors.push(new Error(`${part.name}: ${toError(error).message}`, { cause: error }));
    }
  }
  if (errors.length > 0) {
    const messages = errors.map((error) => error.message).join('; ');
    throw new AggregateError(errors, `could not stop cleanly: ${messages}`);
  }
}
