import { originOf, type Outcome, OUTCOMES } from '@fetchfleet/crawl';

/** Groups kept apart; what comes after them is counted under the origin {@link OTHER_ORIGINS}. Bounds the memory. */
const MAX_GROUPS = 20_000;
const OTHER_ORIGINS = '(other origins)';
/** Indexes that have memory of their own at first; it doubles as higher ones come. */
const FIRST_CAPACITY = 65_536;

/** What the head of a record says. */
interface RecordHead {
  readonly index: number;
  readonly url: string;
  readonly outcome: Outcome;
  readonly status?: number;
  readonly startedAt: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Failures of one origin for one reason. */
export interface FailureGroup {
  readonly origin: string;
  readonly outcome: Outcome;
  /** `HTTP 503`, or the code of the error. */
  readonly reason: string;
  readonly count: number;
  /** One of them; absent only if the results changed while they were read. */
  readonly example?: { readonly index: number; readonly url: string; readonly message?: string };
}

/**
 * Counts failures by origin and reason, of every fetch its best record: a success beats a failure, a later failure an earlier one. 13
 * bytes for each index, and a bounded number of groups.
 */
export class FailureGroups {
  readonly #ids = new Map<string, number>();
  readonly #groups: { origin: string; outcome: Outcome; reason: string }[] = [];
  readonly #examples = new Map<number, FailureGroup['example']>();
  /** Group plus one; 0 where nothing failed. */
  #groupOf = new Uint32Array(FIRST_CAPACITY);
  #startedAt = new Float64Array(FIRST_CAPACITY);
  #isOk = new Uint8Array(FIRST_CAPACITY);

  succeeded(index: number): void {
    this.#reserve(index);
    this.#isOk[index] = 1;
  }

  failed(head: RecordHead): void {
    const { index } = head;
    this.#reserve(index);
    const startedAt = Date.parse(head.startedAt) || 0;
    const isKnown = (this.#groupOf[index] ?? 0) > 0;
    if (isKnown && startedAt <= (this.#startedAt[index] ?? 0)) return;
    this.#groupOf[index] = this.#groupFor(head) + 1;
    this.#startedAt[index] = startedAt;
  }

  /** To be told all failures a second time: which of them are examples is known only when all were counted. */
  offerExample(head: RecordHead): void {
    const group = this.#current(head.index);
    if (group === undefined || this.#examples.has(group)) return;
    if ((Date.parse(head.startedAt) || 0) !== this.#startedAt[head.index]) return;
    const { index, url, error } = head;
    this.#examples.set(group, {
      index,
      url,
      ...(error !== undefined && { message: error.message }),
    });
  }

  /** Whether every group has its example. */
  get isComplete(): boolean {
    return this.#examples.size === this.#groups.length;
  }

  /** The most frequent first. */
  list(): FailureGroup[] {
    const counts = new Uint32Array(this.#groups.length);
    for (let index = 0; index < this.#groupOf.length; index += 1) {
      const group = this.#current(index);
      if (group !== undefined) counts[group] = (counts[group] ?? 0) + 1;
    }
    return this.#groups
      .map((group, id): FailureGroup => {
        const example = this.#examples.get(id);
        return { ...group, count: counts[id] ?? 0, ...(example !== undefined && { example }) };
      })
      .filter(({ count }) => count > 0)
      .toSorted((one, other) => other.count - one.count || compare(nameOf(one), nameOf(other)));
  }

  #current(index: number): number | undefined {
    const group = this.#groupOf[index] ?? 0;
    return group === 0 || this.#isOk[index] === 1 ? undefined : group - 1;
  }

  #groupFor({ url, outcome, status, error }: RecordHead): number {
    const reason = outcome === 'http-error' ? `HTTP ${status ?? '?'}` : (error?.code ?? outcome);
    const origin = originName(url);
    const known = this.#ids.get(nameOf({ origin, outcome, reason }));
    if (known !== undefined) return known;
    const isFull = this.#groups.length >= MAX_GROUPS;
    return this.#add({ origin: isFull ? OTHER_ORIGINS : origin, outcome, reason });
  }

  #add(group: { origin: string; outcome: Outcome; reason: string }): number {
    const key = nameOf(group);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#groups.push(group) - 1;
    this.#ids.set(key, id);
    return id;
  }

  #reserve(index: number): void {
    if (index < this.#groupOf.length) return;
    const capacity = Math.max(index + 1, this.#groupOf.length * 2);
    this.#groupOf = copied(this.#groupOf, new Uint32Array(capacity));
    this.#startedAt = copied(this.#startedAt, new Float64Array(capacity));
    this.#isOk = copied(this.#isOk, new Uint8Array(capacity));
  }
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

/** The head of a record; undefined if it is none of a failed fetch. */
export function failedHead(value: unknown): RecordHead | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { index, url, outcome, startedAt, status, error } = value as Partial<
    Record<keyof RecordHead, unknown>
  >;
  const known = OUTCOMES.find((one) => one === outcome);
  if (typeof index !== 'number' || typeof url !== 'string' || known === undefined) return undefined;
  if (known === 'ok' || typeof startedAt !== 'string') return undefined;
  const problem = errorOf(error);
  return {
    index,
    url,
    outcome: known,
    startedAt,
    ...(typeof status === 'number' && { status }),
    ...(problem !== undefined && { error: problem }),
  };
}

function errorOf(value: unknown): RecordHead['error'] {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message } = value as { code?: unknown; message?: unknown };
  return typeof code === 'string' && typeof message === 'string' ? { code, message } : undefined;
}
