import { MAX_SPREAD, type OnlyChoice } from '@fetchfleet/crawl';
import { readCount } from '../core/count.ts';
import type { Problems } from '../core/errors.ts';

/** As many as a batch can have. */
const MAX_FIRST = 2 ** 32 - 1;

/** Flags that choose some of the fetches of a crawl file. */
export interface OnlyFlags {
  /** The first fetches. */
  readonly limit?: string;
  /** Fetches from the whole crawl. */
  readonly sample?: string;
}

export function readOnly({ limit, sample }: OnlyFlags, problems: Problems): OnlyChoice | undefined {
  if (limit !== undefined) {
    return { first: readCount('--limit', limit, { max: MAX_FIRST, problems }) };
  }
  return sample === undefined
    ? undefined
    : { spread: readCount('--sample', sample, { max: MAX_SPREAD, problems }) };
}

/** The flags as they are to be typed again. */
export function onlyWords({ limit, sample }: OnlyFlags): readonly string[] {
  return [
    ...(limit === undefined ? [] : ['--limit', limit]),
    ...(sample === undefined ? [] : ['--sample', sample]),
  ];
}
