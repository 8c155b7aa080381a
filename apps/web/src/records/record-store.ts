import { setTimeout as sleep } from 'node:timers/promises';
import { parseBodyPlace, parseValidators } from '@fetchfleet/crawl';
import {
  type ParsedHead,
  type RecordPlace,
  RecordPlaces,
  ResultsNotFoundError,
} from '@fetchfleet/results';
import type { RecordDetail, RecordsDocument, RecordSummary } from '../api/documents.ts';
import { servedBody, type ServedBody } from './record-body.ts';
import { type RecordCursor, cursorText } from './record-cursor.ts';
import { isFiltering } from './record-filter.ts';
import { type RecordFolders, RecordsCopyingError } from './record-folders.ts';
import { findRecords, type RecordsQuery } from './record-search.ts';

/** Batches whose places are kept. */
const MAX_BATCHES = 8;
/** Records that all indexes have memory for, 8 bytes each: 200 MB. */
const MAX_RECORDS = 25_000_000;
/** How long a request waits for the index to become complete. */
const INDEX_WAIT_MS = 500;
/** The index looks for new records no more often than this. */
const FRESH_MS = 1_000;
/** An index that nobody has asked for is not completed. */
const WANTED_MS = 10_000;
/** Larger lines are not read: `fetchfleet show` does that. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

interface Kept {
  readonly dirs: readonly string[];
  readonly places: RecordPlaces;
  askedAt: number;
  updatedAt: number;
  update: Promise<void>;
}

/** A record that is there. */
interface Found {
  readonly places: RecordPlaces;
  readonly place: RecordPlace;
  readonly parsed: ParsedHead;
}

/**
 * The records of batches. Of each batch that somebody looks at, it keeps where the records are; the
 * batch that nobody has looked at for longest makes room for others.
 */
export class RecordStore {
  readonly #folders: RecordFolders;
  /** The one that was asked for last at the end. */
  readonly #kept = new Map<string, Kept>();

  constructor(folders: RecordFolders) {
    this.#folders = folders;
    folders.onRemove(async (batch) => this.#forget(batch));
  }

  /**
   * @param isRenewed whether a copy of the records is made anew
   * @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError; what
   *   {@link RecordFolders.open} throws, unless a copy is being made: then there are no records yet
   */
  async page(batch: string, query: RecordsQuery, isRenewed = false): Promise<RecordsDocument> {
    let places: RecordPlaces;
    try {
      places = await this.#places(batch, isRenewed);
    } catch (error) {
      if (error instanceof RecordsCopyingError) {
        return { ...NOTHING_YET, source: await this.#folders.sourceOf(batch) };
      }
      throw error;
    }
    const found = await findRecords(places, query);
    const { done, total } = places.progress;
    return {
      records: found.records.map(summaryOf),
      offset: found.from.matched,
      indexed: places.size,
      matched: found.matched,
      isComplete: places.isComplete && found.counted === undefined,
      from: cursorText(found.from),
      previous: textOf(found.previous),
      next: textOf(found.next),
      counted: textOf(found.counted),
      looked:
        isFiltering(query.filter) && found.counted !== undefined
          ? places.countBefore(found.counted.place)
          : places.size,
      reading: places.isComplete ? null : { doneBytes: done, totalBytes: total },
      source: await this.#folders.sourceOf(batch),
    };
  }

  /** Undefined if there is no such record. @throws as {@link body} does */
  async detail(batch: string, place: RecordPlace): Promise<Omit<RecordDetail, 'curl'> | undefined> {
    const found = await this.#find(batch, place);
    if (found === undefined) {
      return undefined;
    }
    const { parsed, places } = found;
    const pages = places.pagesOf(place.index);
    const record = { ...parsed.head, ...summaryOf(parsed) };
    const source = await this.#withBody(found);
    const body = source === undefined ? null : await shownBody(source);
    return { record, pages: pages === 0 ? null : pages, body };
  }

  /**
   * Undefined if there is no such record, or it has no body; `too large` if it is not read here. An
   * unchanged record has the body of the record that it refers to.
   *
   * @throws ResultsNotFoundError, ResultsUnreadableError, ResultsChangedError; what
   *   {@link RecordFolders.open} throws
   */
  async body(batch: string, place: RecordPlace): Promise<ServedBody | 'too large' | undefined> {
    const found = await this.#find(batch, place);
    const source = found && (await this.#withBody(found));
    if (source === undefined) {
      return undefined;
    }
    return isTooLarge(source) ? 'too large' : bodyOf(source);
  }

  async stop(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(all.map(async ({ places }) => places.stop()));
  }

  async #find(batch: string, place: RecordPlace): Promise<Found | undefined> {
    const places = await this.#places(batch);
    const parsed = places.head(place);
    return parsed && { places, place, parsed };
  }

  /** The record that has the body; undefined if there is none here without a further copy. */
  async #withBody(found: Found): Promise<Found | undefined> {
    const { head, hasBody } = found.parsed;
    const refersTo = parseBodyPlace(head['unchanged']);
    if (refersTo === undefined) {
      return hasBody ? found : undefined;
    }
    const hash = parseValidators(head['validators'])?.hash;
    const other = await this.#earlier(refersTo.batch, { index: refersTo.index, page: 0 });
    // It may have been fetched again since, and have another body now.
    const isSame =
      other?.parsed.hasBody === true &&
      hash !== undefined &&
      parseValidators(other.parsed.head['validators'])?.hash === hash;
    return isSame ? other : undefined;
  }

  async #earlier(batch: string, place: RecordPlace): Promise<Found | undefined> {
    try {
      const isHere = (await this.#folders.present(batch)) !== undefined;
      return isHere ? await this.#find(batch, place) : undefined;
    } catch (error) {
      if (error instanceof ResultsNotFoundError) {
        return undefined;
      }
      throw error;
    }
  }

  /** As complete as they become while a request waits. */
  async #places(batch: string, isRenewed = false): Promise<RecordPlaces> {
    const dirs = await this.#folders.open(batch, isRenewed);
    const kept = await this.#keep(batch, dirs);
    const { places } = kept;
    kept.askedAt = performance.now();
    if (performance.now() - kept.updatedAt >= FRESH_MS || !places.isComplete) {
      kept.updatedAt = performance.now();
      kept.update = places.update(() => performance.now() - kept.askedAt < WANTED_MS);
      kept.update.catch(() => undefined); // whoever asks next is told
    }
    const waited = new AbortController();
    try {
      const late = sleep(INDEX_WAIT_MS, undefined, { signal: waited.signal });
      await Promise.race([kept.update, late]);
    } catch (error) {
      await this.#forget(batch);
      throw error;
    } finally {
      waited.abort();
    }
    await this.#makeRoom();
    return places;
  }

  async #keep(batch: string, dirs: readonly string[]): Promise<Kept> {
    if (this.#kept.get(batch)?.dirs.join('\0') !== dirs.join('\0')) {
      await this.#forget(batch); // it is of another copy
    }
    const options = { dirs, batch, maxRecords: MAX_RECORDS };
    const kept = this.#kept.get(batch) ?? {
      dirs,
      places: new RecordPlaces(options),
      askedAt: 0,
      updatedAt: Number.NEGATIVE_INFINITY,
      update: Promise.resolve(),
    };
    this.#kept.delete(batch);
    this.#kept.set(batch, kept);
    return kept;
  }

  async #forget(batch: string): Promise<void> {
    const kept = this.#kept.get(batch);
    this.#kept.delete(batch);
    await kept?.places.stop();
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

const NOTHING_YET: Omit<RecordsDocument, 'source'> = {
  records: [],
  offset: 0,
  indexed: 0,
  matched: 0,
  isComplete: false,
  from: '0',
  previous: null,
  next: null,
  counted: null,
  looked: 0,
  reading: null,
};

function isTooLarge({ places, place }: Found): boolean {
  return places.length(place) > MAX_BODY_BYTES;
}

async function shownBody(found: Found): Promise<RecordDetail['body']> {
  const { batch, bodyEncoding, bytes } = found.parsed.head;
  const of = String(batch);
  if (isTooLarge(found)) {
    const kind = bodyEncoding === undefined ? 'json' : 'binary';
    return { kind, bytes, isServed: false, batch: of };
  }
  const body = await bodyOf(found);
  return body === undefined
    ? null
    : { kind: body.kind, bytes: body.bytes.length, isServed: true, batch: of };
}

async function bodyOf({ places, place, parsed }: Found): Promise<ServedBody | undefined> {
  const raw = await places.rawBody(place);
  return raw === undefined ? undefined : servedBody(raw, parsed.head);
}

function textOf(cursor: RecordCursor | undefined): string | null {
  return cursor === undefined ? null : cursorText(cursor);
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
