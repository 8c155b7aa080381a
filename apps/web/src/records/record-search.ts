import { setImmediate } from 'node:timers/promises';
import type { ParsedHead, RecordPlace, RecordPlaces } from '@fetchfleet/results';
import { type RecordCursor, START } from './record-cursor.ts';
import { isAmong, isFiltering, matches, mayMatch, type RecordFilter } from './record-filter.ts';

/** How long one request looks for records that match. */
const SEARCH_MS = 400;
/** How long it keeps others waiting. */
const STEP_MS = 10;

export interface RecordsQuery {
  readonly filter: RecordFilter;
  /** The first record of the page; `before` wins. */
  readonly from: RecordCursor;
  /** The page ends before it. */
  readonly before: RecordCursor | undefined;
  /** At most 500. 0 only counts. */
  readonly limit: number;
}

export interface FoundRecords {
  readonly records: readonly ParsedHead[];
  /** Where the page begins. */
  readonly from: RecordCursor;
  /** Where the page ends that is before it; undefined if it is the first one. */
  readonly previous: RecordCursor | undefined;
  /** Where the next page begins; undefined if nothing is left. */
  readonly next: RecordCursor | undefined;
  /** Where to go on counting; undefined if all have been looked at. */
  readonly counted: RecordCursor | undefined;
  /** Records that match, as far as they were looked at. */
  readonly matched: number;
}

/**
 * A page of records, in the order of the index. With a filter, it looks for as long as one request
 * may: until the page is full, and then on, to count what matches. Its cursors say where the next
 * request goes on.
 */
export async function findRecords(
  places: RecordPlaces,
  query: RecordsQuery,
): Promise<FoundRecords> {
  if (query.before !== undefined) {
    const found = await findBefore(places, query.filter, query.before, query.limit);
    if (found !== undefined) {
      return found;
    }
  }
  const from = query.before === undefined ? query.from : START;
  return isFiltering(query.filter)
    ? findFrom(places, { ...query, from })
    : takeFrom(places, { ...query, from });
}

/** Without a filter, only the records of the page are read. */
function takeFrom(places: RecordPlaces, { from, limit }: RecordsQuery): FoundRecords {
  const before = places.countBefore(from.place);
  const records: ParsedHead[] = [];
  let next: RecordCursor | undefined;
  for (const place of places.from(from.place)) {
    if (records.length === limit) {
      next = { place, matched: before + limit };
      break;
    }
    const parsed = places.head(place);
    if (parsed !== undefined) {
      records.push(parsed);
    }
  }
  const start = { place: from.place, matched: before };
  const previous = before > 0 ? start : undefined;
  return { records, from: start, previous, next, counted: undefined, matched: places.size };
}

async function findFrom(
  places: RecordPlaces,
  { filter, from, limit }: RecordsQuery,
): Promise<FoundRecords> {
  const records: ParsedHead[] = [];
  let next: RecordCursor | undefined;
  let { matched } = from;
  const [first = 0] = filter.indexes[0] ?? [];
  const last = filter.indexes.reduce((most, [, to]) => Math.max(most, to), 0);
  const start = from.place.index < first ? { index: first, page: 0 } : from.place;
  const stoppedAt = await search(places.from(start), (place) => {
    if (filter.indexes.length > 0 && place.index > last) {
      return false;
    }
    const parsed = headAt(places, filter, place);
    if (parsed !== undefined) {
      if (records.length < limit) {
        records.push(parsed);
      } else {
        next ??= { place, matched };
      }
      matched += 1;
    }
    return true;
  });
  const counted = stoppedAt && { place: stoppedAt, matched };
  const previous = from.matched > 0 ? from : undefined;
  return { records, from, previous, next: next ?? counted, counted, matched };
}

/** Undefined where the first page is not full: it is looked for from the beginning. */
async function findBefore(
  places: RecordPlaces,
  filter: RecordFilter,
  before: RecordCursor,
  limit: number,
): Promise<FoundRecords | undefined> {
  const found: { readonly place: RecordPlace; readonly parsed: ParsedHead }[] = [];
  const [least = 0] = filter.indexes[0] ?? [];
  const stoppedAt = await search(places.before(before.place), (place) => {
    if (place.index < least) {
      return false;
    }
    const parsed = headAt(places, filter, place);
    if (parsed !== undefined) {
      found.push({ place, parsed });
    }
    return found.length < limit;
  });
  const first = found.at(-1)?.place;
  if (first === undefined || (stoppedAt === undefined && found.length < limit)) {
    return stoppedAt === undefined ? undefined : nothingYet(stoppedAt, before);
  }
  const isFiltered = isFiltering(filter);
  const matched = isFiltered
    ? Math.max(0, before.matched - found.length)
    : places.countBefore(first);
  const from = { place: first, matched };
  return {
    records: found.toReversed().map(({ parsed }) => parsed),
    from,
    previous: matched > 0 ? from : undefined,
    next: before,
    counted: isFiltered ? before : undefined,
    matched: isFiltered ? before.matched : places.size,
  };
}

/** The record at a place, if it matches. */
function headAt(
  places: RecordPlaces,
  filter: RecordFilter,
  place: RecordPlace,
): ParsedHead | undefined {
  if (!isAmong(filter, place.index)) {
    return undefined;
  }
  const parsed = places.head(place, (json) => mayMatch(filter, json));
  return parsed !== undefined && matches(filter, parsed.head) ? parsed : undefined;
}

/** None of so many records matches: the page before is still further ahead. */
function nothingYet(place: RecordPlace, { matched }: RecordCursor): FoundRecords {
  const here = { place, matched };
  return { records: [], from: here, previous: here, next: here, counted: here, matched };
}

/**
 * @param visit returns false to end the search
 * @returns the place that is next where the time was over; undefined if the search has ended
 */
async function search(
  places: Iterable<RecordPlace>,
  visit: (place: RecordPlace) => boolean,
): Promise<RecordPlace | undefined> {
  const endsAt = performance.now() + SEARCH_MS;
  let stepEndsAt = performance.now() + STEP_MS;
  for (const place of places) {
    const now = performance.now();
    if (now >= endsAt) {
      return place;
    }
    if (now >= stepEndsAt) {
      await setImmediate();
      stepEndsAt = performance.now() + STEP_MS;
    }
    if (!visit(place)) {
      return undefined;
    }
  }
  return undefined;
}
