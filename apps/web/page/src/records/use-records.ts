import { useEffect, useState } from 'preact/hooks';
import type { RecordsDocument, RecordSummary } from '../../../src/api/documents.ts';
import { query, read, toError } from '../api/client.ts';

const LIMIT = 100;
/** Between two looks at a copy or an index that is being made. */
const PROGRESS_MS = 700;
const NEWS_MS = 5_000;

export type RecordsFilter = Readonly<
  Record<'outcome' | 'status' | 'origin' | 'text' | 'index' | 'from' | 'before', string>
>;

export interface FoundRecords {
  /** As it is known by now: it has the rows of all requests. */
  readonly document: RecordsDocument;
  /** Whether rows may be added to the page, or only matches are counted. */
  readonly isSearching: boolean;
  /** Records that have come since. */
  readonly news: number;
}

export interface RecordsReading {
  readonly found: FoundRecords | undefined;
  readonly error: Error | undefined;
  /** @param isRenewed whether a copy of the records is made anew */
  readonly again: (isRenewed?: boolean) => void;
}

interface Round {
  readonly count: number;
  readonly isRenewed: boolean;
}

/**
 * A page of records. One request looks for some tenths of a second: this goes on until the page is
 * full, then until all that match are counted, and then looks whether there are new ones. Rows that
 * stand there keep their place. It ends when the view does.
 */
export function useRecords(batch: string | undefined, filter: RecordsFilter): RecordsReading {
  const [round, setRound] = useState<Round>({ count: 0, isRenewed: false });
  const [found, setFound] = useState<FoundRecords>();
  const [error, setError] = useState<Error>();
  const key = query(filter);
  useEffect(() => {
    if (batch === undefined) {
      return undefined;
    }
    const aborter = new AbortController();
    const { signal } = aborter;
    const path = `batches/${encodeURIComponent(batch)}/records`;
    const search = new RecordSearch({ path, filter, signal, onFound: setFound });
    search.run(round.isRenewed).then(
      () => setError(undefined),
      (thrown: unknown) => {
        if (!signal.aborted) {
          setFound(undefined);
          setError(toError(thrown));
        }
      },
    );
    return () => aborter.abort();
  }, [batch, key, round]);
  const again = (isRenewed = false): void => {
    setError(undefined);
    setRound(({ count }) => ({ count: count + 1, isRenewed }));
  };
  return { found, error, again };
}

interface SearchOptions {
  readonly path: string;
  readonly filter: RecordsFilter;
  readonly signal: AbortSignal;
  /** Between two looks for records that have come. @default 5 s */
  readonly newsMs?: number;
  readonly onFound: (found: FoundRecords) => void;
}

/** One page, from its first request to the end of the view. */
export class RecordSearch {
  readonly #options: SearchOptions;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  async run(isRenewed: boolean): Promise<void> {
    const document = await this.#count(await this.#fill(await this.#first(isRenewed)));
    await this.#follow(document);
  }

  async #ask(changes: Readonly<Record<string, string | number>>): Promise<RecordsDocument> {
    const { path, filter, signal } = this.#options;
    return read<RecordsDocument>(path + query({ ...filter, ...changes }), signal);
  }

  #show(document: RecordsDocument, isSearching: boolean, news = 0): void {
    if (!this.#options.signal.aborted) {
      this.#options.onFound({ document, isSearching, news });
    }
  }

  /** The first answer that has all there is: records may have to be copied and indexed before. */
  async #first(isRenewed: boolean): Promise<RecordsDocument> {
    let document = await this.#ask({ limit: LIMIT, ...(isRenewed && { copy: 'new' }) });
    while (document.reading !== null || document.source.kind === 'copying') {
      this.#show(document, true);
      await rest(PROGRESS_MS, this.#options.signal);
      document = await this.#ask({ limit: LIMIT });
    }
    return document;
  }

  /** Goes on until the page is full. */
  async #fill(first: RecordsDocument): Promise<RecordsDocument> {
    const isBackwards = this.#options.filter.before !== '';
    let document = first;
    for (;;) {
      const limit = LIMIT - document.records.length;
      const { next, previous } = document;
      if (limit <= 0 || (isBackwards ? previous : next) === null) {
        return document;
      }
      this.#show(document, true);
      document = isBackwards
        ? before(await this.#ask({ before: previous ?? '', from: '', limit }), document)
        : behind(document, await this.#ask({ from: next ?? '', limit }));
    }
  }

  /** Counts what matches behind the page. */
  async #count(filled: RecordsDocument): Promise<RecordsDocument> {
    let document = filled;
    while (document.counted !== null) {
      this.#show(document, false);
      const counting = await this.#ask({ from: document.counted, before: '', limit: 0 });
      const { matched, counted, looked, isComplete } = counting;
      document = { ...document, matched, counted, looked, isComplete };
    }
    this.#show(document, false);
    return document;
  }

  async #follow(document: RecordsDocument): Promise<void> {
    const { path, signal, newsMs = NEWS_MS } = this.#options;
    for (;;) {
      await rest(newsMs, signal);
      if (!globalThis.document.hidden) {
        const { indexed, source } = await read<RecordsDocument>(`${path}?limit=1`, signal);
        const news = source.copiedAt === document.source.copiedAt ? indexed - document.indexed : 0;
        this.#show(document, false, Math.max(0, news));
      }
    }
  }
}

/** Both as one page. */
function behind(page: RecordsDocument, more: RecordsDocument): RecordsDocument {
  const { offset, from, previous } = page;
  return { ...more, records: joined(page.records, more.records), offset, from, previous };
}

function before(more: RecordsDocument, page: RecordsDocument): RecordsDocument {
  const { next, counted, matched, looked } = page;
  const records = joined(more.records, page.records);
  return { ...more, records, next, counted, matched, looked };
}

/** The first page is looked for from the beginning: it may have what is there already. */
function joined(
  first: readonly RecordSummary[],
  second: readonly RecordSummary[],
): readonly RecordSummary[] {
  const known = new Set(first.map(keyOf));
  return [...first, ...second.filter((record) => !known.has(keyOf(record)))];
}

/** `17`, or `17.2` for its second page. */
export function keyOf({ index, page }: RecordSummary): string {
  return page === null ? String(index) : `${index}.${page}`;
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
