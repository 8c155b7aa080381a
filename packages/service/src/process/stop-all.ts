import { toError } from '@fetchfleet/crawl';

/** Owns a socket, a timer or a process. Stopping it twice, or before it was started, is fine. */
export interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Stops everything, one after the other, the last started first. One that fails keeps none of the others running: the errors
 * are thrown together, as one `AggregateError`, when all had their turn.
 *
 * @param started in the order in which they were started
 */
export async function stopAll(started: readonly Stoppable[]): Promise<void> {
  const errors: Error[] = [];
  for (const stoppable of started.toReversed()) {
    try {
      await stoppable.stop();
    } catch (error) {
      errors.push(toError(error));
    }
  }
  if (errors.length > 0) {
    const messages = errors.map((error) => error.message).join('; ');
    throw new AggregateError(errors, `could not stop cleanly: ${messages}`);
  }
}
