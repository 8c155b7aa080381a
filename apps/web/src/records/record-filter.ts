import { originOf, type Outcome } from '@fetchfleet/crawl';
import type { RecordHead } from '@fetchfleet/results';

/** Which records are wanted. */
export interface RecordFilter {
  /** @default all */
  readonly outcomes: readonly Outcome[];
  /** Ranges of statuses, both ends included. @default all */
  readonly statuses: readonly (readonly [number, number])[];
  readonly origin: string | undefined;
  /** In the URL or a value of a parameter, in lower case. */
  readonly text: string;
  /** Ranges of indexes, both ends included, in their order. @default all */
  readonly indexes: readonly (readonly [number, number])[];
}

export function isFiltering({ outcomes, statuses, origin, text, indexes }: RecordFilter): boolean {
  const lists = [outcomes, statuses, indexes];
  return lists.some(({ length }) => length > 0) || origin !== undefined || text !== '';
}

/** Whether a record may match, by its index: most need not be read then. */
export function isAmong({ indexes }: Pick<RecordFilter, 'indexes'>, index: number): boolean {
  return indexes.length === 0 || indexes.some(([from, to]) => index >= from && index <= to);
}

export function matches(
  { outcomes, statuses, origin, text }: RecordFilter,
  head: Pick<RecordHead, 'outcome' | 'status' | 'url' | 'params'>,
): boolean {
  if (outcomes.length > 0 && !outcomes.includes(head.outcome)) {
    return false;
  }
  const { status = 0 } = head;
  if (statuses.length > 0 && !statuses.some(([from, to]) => status >= from && status <= to)) {
    return false;
  }
  if (origin !== undefined && !isAt(origin, head.url)) {
    return false;
  }
  return text === '' || textsOf(head).some((one) => one.toLowerCase().includes(text));
}

function isAt(origin: string, url: string): boolean {
  try {
    return originOf(url) === origin;
  } catch {
    return false;
  }
}

function textsOf({ url, params }: Pick<RecordHead, 'url' | 'params'>): string[] {
  return [url, ...Object.values(params)];
}

/** Texts that stand in JSON as they are, and look the same in either case of letters. */
const PLAIN = /^[ !#-[\]-~]*$/u;

/**
 * Whether a record may match, by its fields as JSON. That takes a fraction of the time that reading
 * them does, and most records of a large batch are not among those that somebody looks for.
 */
export function mayMatch({ outcomes, text }: RecordFilter, json: string): boolean {
  if (outcomes.length > 0 && !outcomes.some((outcome) => json.includes(`"outcome":"${outcome}"`))) {
    return false;
  }
  return text === '' || !PLAIN.test(text) || json.toLowerCase().includes(text);
}
