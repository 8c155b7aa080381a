import { originOf, type Outcome } from '@fetchfleet/crawl';
import type { FailedRecord } from './failed-record.ts';

/** Most groups, which bounds the memory. Later origins share the name {@link OTHER_ORIGINS}. */
const MAX_GROUPS = 20_000;
/** A path of a crawl file may be longer, and results of others may have anything. */
const MAX_REASON = 200;
const OTHER_ORIGINS = '(other origins)';
/** Initial capacity in fetches. It doubles when a higher index comes. */
const FIRST_CAPACITY = 65_536;
/** In place of a group: the failure is counted in none. */
const NO_GROUP = 2 ** 32 - 1;

/** Failures of one origin for one reason. */
export interface FailureGroup {
  readonly origin: string;
  readonly outcome: Outcome;
  /** `HTTP 503`, what was not as expected in the answer, or the code of the error. */
  readonly reason: string;
  readonly count: number;
  /** Missing only if the results changed during the scan. */
  readonly example?: { readonly index: number; readonly url: string; readonly message?: string };
}

/**
 * Counts failures by origin and reason. Uses the best record of each fetch: a success is better
 * than a failure, a later failure better than an earlier one. Needs 13 bytes per index; the number
 * of groups is limited.
 */
export class FailureGroups {
  readonly #ids = new Map<string, number>();
  readonly #groups: { origin: string; outcome: Outcome; reason: string }[] = [];
  readonly #examples = new Map<number, FailureGroup['example']>();
  /** Group of each index plus one; 0 without a failure. */
  #groupOf = new Uint32Array(FIRST_CAPACITY);
  #startedAt = new Float64Array(FIRST_CAPACITY);
  #isOk = new Uint8Array(FIRST_CAPACITY);

  addSuccess(index: number): void {
    this.#reserve(index);
    this.#isOk[index] = 1;
  }

  /** @param isCounted whether it is in a group. It still replaces earlier failures. @default true */
  addFailure(record: FailedRecord, isCounted = true): void {
    const { index } = record;
    this.#reserve(index);
    const startedAt = Date.parse(record.startedAt) || 0;
    const isKnown = (this.#groupOf[index] ?? 0) > 0;
    if (isKnown && startedAt <= (this.#startedAt[index] ?? 0)) {
      return;
    }
    this.#groupOf[index] = isCounted ? this.#groupFor(record) + 1 : NO_GROUP;
    this.#startedAt[index] = startedAt;
  }

  /** Call it for all failures again after all were added: only then is the best record known. */
  offerExample(record: FailedRecord): void {
    const group = this.#groupAt(record.index);
    if (group === undefined || this.#examples.has(group)) {
      return;
    }
    if ((Date.parse(record.startedAt) || 0) !== this.#startedAt[record.index]) {
      return;
    }
    const { index, url, error } = record;
    this.#examples.set(group, {
      index,
      url,
      ...(error !== undefined && { message: error.message }),
    });
  }

  get hasAllExamples(): boolean {
    return this.#examples.size === this.#groups.length;
  }

  /** The most frequent first. */
  list(): FailureGroup[] {
    const counts = new Uint32Array(this.#groups.length);
    for (let index = 0; index < this.#groupOf.length; index += 1) {
      const group = this.#groupAt(index);
      if (group !== undefined) {
        counts[group] = (counts[group] ?? 0) + 1;
      }
    }
    return this.#groups
      .map((group, id): FailureGroup => {
        const example = this.#examples.get(id);
        return { ...group, count: counts[id] ?? 0, ...(example !== undefined && { example }) };
      })
      .filter(({ count }) => count > 0)
      .toSorted((one, other) => other.count - one.count || compare(nameOf(one), nameOf(other)));
  }

  /** The group of a fetch; undefined if it has succeeded, has no record or is not counted. */
  #groupAt(index: number): number | undefined {
    const group = this.#groupOf[index] ?? 0;
    const isCounted = group !== 0 && group !== NO_GROUP && this.#isOk[index] !== 1;
    return isCounted ? group - 1 : undefined;
  }

  #groupFor(record: FailedRecord): number {
    const { url, outcome } = record;
    const reason = reasonOf(record);
    const origin = originName(url);
    const known = this.#ids.get(nameOf({ origin, outcome, reason }));
    if (known !== undefined) {
      return known;
    }
    const isFull = this.#groups.length >= MAX_GROUPS;
    return this.#add({ origin: isFull ? OTHER_ORIGINS : origin, outcome, reason });
  }

  #add(group: { origin: string; outcome: Outcome; reason: string }): number {
    const key = nameOf(group);
    const known = this.#ids.get(key);
    if (known !== undefined) {
      return known;
    }
    const id = this.#groups.push(group) - 1;
    this.#ids.set(key, id);
    return id;
  }

  #reserve(index: number): void {
    if (index < this.#groupOf.length) {
      return;
    }
    const capacity = Math.max(index + 1, this.#groupOf.length * 2);
    this.#groupOf = copied(this.#groupOf, new Uint32Array(capacity));
    this.#startedAt = copied(this.#startedAt, new Float64Array(capacity));
    this.#isOk = copied(this.#isOk, new Uint8Array(capacity));
  }
}

/** Why a fetch has failed, in a word or two. */
export function reasonOf({ outcome, status, error }: FailedRecord): string {
  if (outcome === 'http-error') {
    return `HTTP ${status ?? '?'}`;
  }
  // Its code says what is wrong, and its message which path.
  const text = outcome === 'unexpected' ? error?.message : error?.code;
  return text?.slice(0, MAX_REASON) ?? outcome;
}

function nameOf({ origin, outcome, reason }: Omit<FailureGroup, 'count' | 'example'>): string {
  return `${origin} ${outcome} ${reason}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function copied<T extends Uint32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function originName(url: string): string {
  try {
    return originOf(url);
  } catch {
    return '(no origin)';
  }
}
