const SUFFIX_LENGTH = 4;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Allowed names of a crawl: the name becomes a folder, a Redis key and part of a job id. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

const BATCH_ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,127}$/;

/**
 * A batch id such as `covid-confirmed-20261123-0017-k3f9`: name, minute (UTC), random characters.
 *
 * @param random from 0 up to but not including 1, as `Math.random`
 */
export function newBatchId(name: string, now: Date, random: () => number): string {
  const [day = '', time = ''] = now.toISOString().split('T');
  const stamp = `${day.replaceAll('-', '')}-${time.slice(0, 5).replace(':', '')}`;
  let suffix = '';
  while (suffix.length < SUFFIX_LENGTH) {
    suffix += ALPHABET.charAt(Math.floor(random() * ALPHABET.length));
  }
  return `${name}-${stamp}-${suffix}`;
}

/** Whether a text has the form of a batch id. The batch need not exist. */
export function isBatchId(text: string): boolean {
  return BATCH_ID_PATTERN.test(text);
}
