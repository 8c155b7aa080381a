import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { type ParsedHead, type RecordPlace, RecordPlaces } from '@fetchfleet/results';
import type { RecordDetail, RecordsDocument, RecordSummary } from '../api/documents.ts';
import { servedBody, type ServedBody } from './record-body.ts';
import { type RecordCursor, cursorText } from './record-cursor.ts';
import { isFiltering, matches, type RecordFilter } from './record-filter.ts';

/** Batches whose places are kept. */
const MAX_BATCHES = 8;
/** Records that all indexes have memory for, 8 bytes each: 200 MB. */
const MAX_RECORDS = 25_000_000;
/** How long a request waits for the index to become complete. */
const INDEX_WAIT_MS = 500;
/** The index looks for new records no more often than this. */
const FRESH_MS = 1_000;
/** How long one request looks for records that match. */
const SEARCH_MS = 400;
/** How long it keeps others waiting. */
const STEP_MS = 10;
/** Larger lines are not read: `fetchfleet show` does that. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

export interface RecordsQuery {
  readonly filter: RecordFilter;
  readonly from: RecordCursor;
  /** At most 500. */
  readonly limit: number;
}

interface Kept {
  readonly places: RecordPlaces;
  updatedAt: number;
  update: Promise<void>;
}

/**
 * The records of batches in a results folder. Of each batch that somebody looks at, it keeps where
 * the records are; the batch that nobody has looked at for longest makes room for others.
 */
export class RecordStore {
  readonly #dir: string;
  /** The one that was asked for last at the end. */
  readonly #kept = new Map<string, Kept>();

  /** @param dir the results folder */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError */
  async page(batch: string, query: RecordsQuery): Promise<RecordsDocument> {
    const places = await this.#places(batch);
    const { records, next, matched } = isFiltering(query.filter)
      ? await search(places, query)
      : take(places, query);
    return {
      records,
      indexed: places.size,
      matched: isFiltering(query.filter) ? matched : places.size,
      isComplete: places.isComplete && (next === undefined || !isFiltering(query.filter)),
      next: next === undefined ? null : cursorText(next),
    };
  }

  /** Undefined if there is no such record. @throws as {@link page} does */
  async detail(batch: string, place: RecordPlace): Promise<RecordDetail | undefined> {
    const places = await this.#places(batch);
    const parsed = places.head(place);
    if (parsed === undefined) {
      return undefined;
    }
    const record = { ...parsed.head, ...summaryOf(parsed) };
    if (!parsed.hasBody) {
      return { record, body: null };
    }
    if (places.length(place) > MAX_BODY_BYTES) {
      const kind = parsed.head.bodyEncoding === undefined ? 'json' : 'binary';
      return { record, body: { kind, bytes: parsed.head.bytes, isServed: false } };
    }
    const body = await bodyAt(places, place, parsed);
    return {
      record,
      body:
        body === undefined ? null : { kind: body.kind, bytes: body.bytes.length, isServed: true },
    };
  }

  /**
   * Undefined if there is no such record, or it has no body; `too large` if it is not read here.
   *
   * @throws as {@link page} does
   */
  async body(batch: string, place: RecordPlace): Promise<ServedBody | 'too large' | undefined> {
    const places = await this.#places(batch);
    const parsed = places.head(place);
    if (parsed?.hasBody !== true) {
      return undefined;
    }
    return places.length(place) > MAX_BODY_BYTES ? 'too large' : bodyAt(places, place, parsed);
  }

  async stop(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(all.map(async ({ places }) => places.stop()));
  }

  /** As complete as they become while a request waits. */
  async #places(batch: string): Promise<RecordPlaces> {
    const kept = this.#keep(batch);
    const { places } = kept;
    if (performance.now() - kept.updatedAt >= FRESH_MS || !places.isComplete) {
      kept.updatedAt = performance.now();
      kept.update = places.update();
      kept.update.catch(() => undefined); // whoever asks next is told
    }
    const waited = new AbortController();
    try {
      const late = sleep(INDEX_WAIT_MS, undefined, { signal: waited.signal });
      await Promise.race([kept.update, late]);
    } catch (error) {
      this.#kept.delete(batch);
      await places.stop();
      throw error;
    } finally {
      waited.abort();
    }
    await this.#makeRoom();
    return places;
  }

  #keep(batch: string): Kept {
    const known = this.#kept.get(batch);
    const options = { dirs: [this.#dir], batch, maxRecords: MAX_RECORDS };
    const kept = known ?? {
      places: new RecordPlaces(options),
      updatedAt: Number.NEGATIVE_INFINITY,
      update: Promise.resolve(),
    };
    this.#kept.delete(batch);
    this.#kept.set(batch, kept);
    return kept;
  }

  async #makeRoom(): Promise<void> {
    const sizeOf = (): number =>
      [...this.#kept.values()].reduce((sum, { places }) => sum + places.capacity, 0);
    while (this.#kept.size > 1 && (this.#kept.size > MAX_BATCHES || sizeOf() > MAX_RECORDS)) {
      const [oldest] = this.#kept;
      if (oldest === undefined) {
        return;
      }
      this.#kept.delete(oldest[0]);
      await oldest[1].places.stop();
    }
  }
}

interface Found {
  readonly records: RecordSummary[];
  /** Where to go on; undefined if nothing is left. */
  readonly next: RecordCursor | undefined;
  readonly matched: number;
}

/** Without a filter, only the records of the page are read. */
function take(places: RecordPlaces, { from, limit }: RecordsQuery): Found {
  const records: RecordSummary[] = [];
  for (const place of places.from(from.place)) {
    if (records.length === limit) {
      return { records, next: { place, matched: from.matched + limit }, matched: 0 };
    }
    const parsed = places.head(place);
    if (parsed !== undefined) {
      records.push(summaryOf(parsed));
    }
  }
  return { records, next: undefined, matched: 0 };
}

/** In the order of the index, until the page is full or the time is over. */
async function search(places: RecordPlaces, { filter, from, limit }: RecordsQuery): Promise<Found> {
  const endsAt = performance.now() + SEARCH_MS;
  let stepEndsAt = performance.now() + STEP_MS;
  let { matched } = from;
  const records: RecordSummary[] = [];
  for (const place of places.from(from.place)) {
    const now = performance.now();
    if (records.length === limit || now >= endsAt) {
      return { records, next: { place, matched }, matched };
    }
    if (now >= stepEndsAt) {
      await setImmediate();
      stepEndsAt = performance.now() + STEP_MS;
    }
    const parsed = places.head(place);
    if (parsed !== undefined && matches(filter, parsed.head)) {
      matched += 1;
      records.push(summaryOf(parsed));
    }
  }
  return { records, next: undefined, matched };
}

async function bodyAt(
  places: RecordPlaces,
  place: RecordPlace,
  { head }: ParsedHead,
): Promise<ServedBody | undefined> {
  const raw = await places.rawBody(place);
  return raw === undefined ? undefined : servedBody(raw, head);
}

function summaryOf({ head }: ParsedHead): RecordSummary {
  return {
    index: head.index,
    page: head.page ?? null,
    params: head.params,
    url: head.url,
    outcome: head.outcome,
    status: head.status ?? null,
    durationMs: head.durationMs,
    bytes: head.bytes,
    startedAt: head.startedAt,
  };
}
