import { isBatchId, isOrigin, type Outcome, OUTCOMES } from '@fetchfleet/crawl';
import type { BatchState } from '@fetchfleet/fleet';
import type { RecordPlace } from '@fetchfleet/results';
import { HttpError } from '../http/http-error.ts';
import { parseCursor, type RecordCursor, START } from '../records/record-cursor.ts';
import type { RecordFilter } from '../records/record-filter.ts';
import type { RecordsQuery } from '../records/record-search.ts';

/* Values of a query, checked before anything is done with them. Each throws an HttpError (400). */

const STATES: readonly BatchState[] = ['expanding', 'running', 'paused', 'cancelled', 'finished'];
const MAX_TEXT = 200;
/** A slice has as many fetches at most. */
const MAX_RANGES = 50;

/** Texts of a key that may be given several times, or with commas between them. */
function listIn(query: URLSearchParams, key: string): string[] {
  return query
    .getAll(key)
    .flatMap((text) => text.split(','))
    .filter((text) => text !== '');
}

export function batchIn(id: string | undefined): string {
  if (id === undefined || !isBatchId(id)) {
    throw refuse('that is not the id of a batch');
  }
  return id;
}

export function originIn(text: string | undefined): string {
  if (text === undefined || !isOrigin(text)) {
    throw refuse('that is not an origin such as https://api.example');
  }
  return text;
}

export function statesIn(query: URLSearchParams): BatchState[] {
  return listIn(query, 'state').map((text) => {
    const state = STATES.find((one) => one === text);
    if (state === undefined) {
      throw refuse(`state must be of ${STATES.join(', ')}`);
    }
    return state;
  });
}

/** `failed` stands for all but `ok`. */
export function outcomesIn(query: URLSearchParams): Outcome[] {
  return listIn(query, 'outcome').flatMap((text) => {
    const found = OUTCOMES.filter((one) => (text === 'failed' ? one !== 'ok' : one === text));
    if (found.length === 0) {
      throw refuse(`outcome must be of failed, ${OUTCOMES.join(', ')}`);
    }
    return found;
  });
}

interface Limits {
  /** Where the key is not given. */
  readonly usual: number;
  readonly most: number;
  /** @default 1 */
  readonly least?: number;
}

export function limitIn(query: URLSearchParams, { usual, most, least = 1 }: Limits): number {
  const text = query.get('limit') ?? String(usual);
  const limit = /^\d{1,6}$/u.test(text) ? Number(text) : -1;
  if (limit < least || limit > most) {
    throw refuse(`limit must be from ${least} to ${most}`);
  }
  return limit;
}

export function textIn(query: URLSearchParams, key: string): string {
  const text = query.get(key) ?? '';
  if (text.length > MAX_TEXT) {
    throw refuse(`${key} has more than ${MAX_TEXT} characters`);
  }
  return text;
}

export function beforeIn(query: URLSearchParams): string | undefined {
  const before = query.get('before');
  return before === null || before === '' ? undefined : batchIn(before);
}

function filterIn(query: URLSearchParams): RecordFilter {
  const origin = query.get('origin') ?? '';
  if (origin !== '' && !isOrigin(origin)) {
    throw refuse('origin must be one such as https://api.example');
  }
  return {
    outcomes: outcomesIn(query),
    statuses: listIn(query, 'status').map(rangeOf),
    origin: origin === '' ? undefined : origin,
    text: textIn(query, 'text').toLowerCase(),
    indexes: indexesIn(query),
  };
}

/** Ranges of indexes, both ends included, in their order. */
function indexesIn(query: URLSearchParams): (readonly [number, number])[] {
  const texts = listIn(query, 'index');
  if (texts.length > MAX_RANGES) {
    throw refuse(`index has more than ${MAX_RANGES} ranges`);
  }
  return texts
    .map((text) => {
      const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/u.exec(text) ?? [];
      if (from === undefined) {
        throw refuse('index must be such as 17 or 100-149');
      }
      return [Number(from), Number(to ?? from)] as const;
    })
    .toSorted(([one], [other]) => one - other);
}

/** A page of records. */
export function recordsIn(query: URLSearchParams): RecordsQuery {
  return {
    filter: filterIn(query),
    from: cursorIn(query, 'from') ?? START,
    before: cursorIn(query, 'before'),
    limit: limitIn(query, { usual: 100, most: 500, least: 0 }),
  };
}

function cursorIn(query: URLSearchParams, key: 'from' | 'before'): RecordCursor | undefined {
  const text = query.get(key) ?? '';
  const cursor = text === '' ? undefined : parseCursor(text);
  if (text !== '' && cursor === undefined) {
    throw refuse(`${key} must be the index of a record, or what another page has for it`);
  }
  return cursor;
}

/** Whether a copy of the records is to be made anew. */
export function isRenewedIn(query: URLSearchParams): boolean {
  const text = query.get('copy') ?? '';
  if (text !== '' && text !== 'new') {
    throw refuse('copy must be new');
  }
  return text === 'new';
}

/** `17`, or `17.3` for the third page. */
export function placeIn(text: string | undefined): RecordPlace {
  const [, index, page] = /^(\d{1,10})(?:\.(\d{1,7}))?$/u.exec(text ?? '') ?? [];
  if (index === undefined) {
    throw refuse('that is not the index of a record');
  }
  return { index: Number(index), page: Number(page ?? 0) };
}

function rangeOf(text: string): readonly [number, number] {
  const [, from, to] = /^(\d{3})(?:-(\d{3}))?$/u.exec(text) ?? [];
  if (from === undefined) {
    throw refuse('status must be such as 404 or 500-599');
  }
  return [Number(from), Number(to ?? from)];
}

function refuse(message: string): HttpError {
  return new HttpError(400, 'QUERY_UNFIT', { message });
}
