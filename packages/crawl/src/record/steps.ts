import { setImmediate } from 'node:timers/promises';

/** Bytes, or characters, that are handled at once: less than a millisecond of work. */
export const STEP = 128 * 1_024;

/** Work in steps, with a pause after each: a large body must not hold up the fetches of others. */
export type Steps<T> = Generator<undefined, T>;

/** Without pauses: for small bodies. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      return value;
    }
  }
}

export async function paused<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      return value;
    }
    await setImmediate();
  }
}
