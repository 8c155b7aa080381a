import { isBetterThanKnown } from '../export/better-record.ts';
import { type PartFile, PartFiles } from '../export/part-files.ts';
import { RecordIndex } from '../export/record-index.ts';
import { type FoundLine, PartScan, scanBuffers } from '../export/scan-part.ts';
import { ResultsChangedError, ResultsUnreadableError } from '../folder/errors.ts';
import { findParts } from '../folder/layout.ts';
import { splitBody } from '../folder/record-line.ts';
import { isSameFile, type RegularFile } from '../folder/regular-file.ts';
import { HeadReader } from './head-reader.ts';
import { PageKeys, type RecordPlace } from './page-keys.ts';
import type { ParsedHead } from './record-head.ts';

/**
 * Parts that grow keep their places: each has so many bytes of the positions of an index, which
 * has room for 2,048 of them.
 */
const PART_SPACING = 2 ** 36;
/**
 * Bytes that are scanned in one go, of each part in turn: what was scanned is known from then on.
 * The first ones are small, because the first records of a batch are in them.
 */
const WINDOW_BYTES = 64 * 1024 * 1024;
const FIRST_WINDOW_BYTES = 4 * 1024 * 1024;

interface RecordPlacesOptions {
  /** Results folders. */
  readonly dirs: readonly string[];
  readonly batch: string;
  /** Most records that the index has memory for, 8 bytes each. */
  readonly maxRecords: number;
}

interface KnownPart extends RegularFile {
  /** Bytes up to the end of the last record that is indexed. */
  readonly scanned: number;
  /** The size up to which it was looked at. */
  readonly seen: number;
}

/**
 * Where the records of a batch are. Unlike the index of an export it is kept, and goes on where it
 * was when parts grow. It has the best record of each fetch, or of each page.
 */
export class RecordPlaces {
  readonly #options: RecordPlacesOptions;
  readonly #index = new RecordIndex();
  readonly #stopped = new AbortController();
  #parts: readonly KnownPart[] = [];
  #files = new PartFiles([]);
  #heads = new HeadReader(this.#files);
  #keys = new PageKeys();
  #wantedPages = 0;
  #scan: Promise<void> | undefined;
  #isComplete = false;

  constructor(options: RecordPlacesOptions) {
    this.#options = options;
  }

  /** Records that are indexed. */
  get size(): number {
    return this.#index.size;
  }

  /** Records that it has memory for, 8 bytes each. */
  get capacity(): number {
    return this.#index.capacity;
  }

  /** How far the index is, in bytes of the parts as they were at the last look. */
  get progress(): { readonly done: number; readonly total: number } {
    return {
      done: this.#parts.reduce((sum, { seen }) => sum + seen, 0),
      total: this.#parts.reduce((sum, { size }) => sum + size, 0),
    };
  }

  /** Whether everything that was there at the last look is indexed. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * Indexes what is new. Calls of the same time share one scan.
   *
   * @param isWanted whether it is to go on: the next call goes on where it has stopped
   * @throws ResultsNotFoundError, ResultsUnreadableError; after a ResultsChangedError the next call
   *   begins anew
   */
  async update(isWanted: () => boolean = () => true): Promise<void> {
    this.#scan ??= this.#update(isWanted).finally(() => {
      this.#scan = undefined;
    });
    return this.#scan;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#scan?.catch(() => undefined);
    await this.#files.stop();
  }

  /** The records in order, from the first one that is not before this place. */
  *from(place: RecordPlace): Generator<RecordPlace> {
    for (const key of this.#index.keys(this.#keys.keyOf(place))) {
      yield this.#keys.placeOf(key);
    }
  }

  /** The records before this place, the last one first. */
  *before(place: RecordPlace): Generator<RecordPlace> {
    for (const key of this.#index.keysBelow(this.#keys.keyOf(place))) {
      yield this.#keys.placeOf(key);
    }
  }

  /** How many records are before this place. */
  countBefore(place: RecordPlace): number {
    return this.#index.countBelow(this.#keys.keyOf(place));
  }

  /** How many pages of a fetch there are; 0 in a batch without pages. */
  pagesOf(index: number): number {
    const most = this.#keys.pages === 1 ? 0 : this.#keys.pages;
    for (let page = 0; page < most; page += 1) {
      if (!this.has({ index, page: page + 1 })) {
        return page;
      }
    }
    return most;
  }

  has(place: RecordPlace): boolean {
    return this.#index.has(this.#keys.keyOf(place));
  }

  /**
   * The fields of a record; undefined if there is none. Reads a few kilobytes.
   *
   * @param isWanted see {@link HeadReader.read}
   */
  head(place: RecordPlace, isWanted?: (json: string) => boolean): ParsedHead | undefined {
    this.#refuseStopped();
    const key = this.#keys.keyOf(place);
    const length = this.#index.length(key);
    return length === 0
      ? undefined
      : this.#heads.read({ position: this.#index.position(key), length }, isWanted);
  }

  /** Bytes of the line of a record; 0 if there is none. */
  length(place: RecordPlace): number {
    return this.#index.length(this.#keys.keyOf(place));
  }

  /** The body as it is in the record: JSON, or a JSON text. Undefined if there is none. */
  async rawBody(place: RecordPlace): Promise<Buffer | undefined> {
    this.#refuseStopped();
    const key = this.#keys.keyOf(place);
    const length = this.#index.length(key);
    if (length === 0) {
      return undefined;
    }
    const line = Buffer.allocUnsafe(length - 1);
    await this.#files.read(line, this.#index.position(key));
    return splitBody(line).body;
  }

  /** It would open files that nobody closes. */
  #refuseStopped(): void {
    if (this.#stopped.signal.aborted) {
      throw new ResultsChangedError(`${this.#options.batch} is not looked at any more`);
    }
  }

  async #update(isWanted: () => boolean): Promise<void> {
    try {
      await this.#find();
      while (await this.#scanNext()) {
        this.#stopped.signal.throwIfAborted();
        if (!isWanted()) {
          return;
        }
      }
      this.#isComplete = true;
    } catch (error) {
      if (error instanceof ResultsChangedError) {
        this.#reset();
      }
      throw error;
    }
  }

  /** What is there now. */
  async #find(): Promise<void> {
    const { dirs, batch } = this.#options;
    const { files } = (await findParts(dirs, batch)).parts;
    const found = new Map(files.map((file) => [file.path, file]));
    const isChanged = this.#parts.some((part) => {
      const now = found.get(part.path);
      return now === undefined || !isSameFile(now, part) || now.size < part.seen;
    });
    if (isChanged) {
      this.#reset();
    }
    const known = this.#parts.map((part) => ({ ...part, size: found.get(part.path)?.size ?? 0 }));
    const names = new Set(known.map(({ path }) => path));
    const added = files.filter(({ path }) => !names.has(path));
    this.#parts = [...known, ...added.map((file) => ({ ...file, scanned: 0, seen: 0 }))];
    if (this.#parts.some(({ size, seen }) => size > seen)) {
      this.#isComplete = false;
      const before = this.#files;
      this.#files = new PartFiles(this.#parts, PART_SPACING);
      this.#heads = new HeadReader(this.#files);
      await before.stop();
    }
  }

  /** @returns false if there was nothing left */
  async #scanNext(): Promise<boolean> {
    const [part] = this.#parts
      .filter(({ size, seen }) => size > seen)
      .toSorted((one, other) => one.seen - other.seen);
    const at = this.#parts.findIndex((one) => one === part);
    const file = this.#files.parts[at];
    if (part === undefined || file === undefined) {
      return false;
    }
    let hasRoom = true;
    const end = await this.#scanWindow(part, file, (line) => {
      hasRoom &&= this.#add(line);
    });
    if (hasRoom) {
      this.#parts = this.#parts.with(at, { ...part, ...end });
    } else {
      this.#makeRoomForPages();
    }
    return true;
  }

  /** Scans a piece that has a record, or the whole rest. */
  async #scanWindow(
    part: KnownPart,
    file: PartFile,
    onLine: (line: FoundLine) => void,
  ): Promise<Pick<KnownPart, 'scanned' | 'seen'>> {
    const { batch } = this.#options;
    const rest = part.size - part.scanned;
    const base = file.base + part.scanned;
    const first = part.scanned === 0 ? FIRST_WINDOW_BYTES : WINDOW_BYTES;
    for (let window = first; ; window *= 4) {
      const size = Math.min(window, rest);
      const { end } = await new PartScan({
        files: this.#files,
        part: { ...file, base, size },
        batch,
        buffers: scanBuffers(),
        signal: this.#stopped.signal,
        onLine,
        onProgress: () => undefined,
      }).run();
      if (end > base || size === rest) {
        const scanned = end - file.base;
        return { scanned, seen: size === rest ? part.size : scanned };
      }
    }
  }

  /** @returns false if the keys have no room for so many pages */
  #add(line: FoundLine): boolean {
    if (line.page > this.#keys.pages) {
      this.#wantedPages = Math.max(this.#wantedPages, line.page);
      return false;
    }
    const key = this.#keys.keyOf(line);
    const index = this.#index;
    if (!index.has(key) || isBetterThanKnown(this.#files, index, key, line)) {
      index.set(key, line.position, line.length, line.isLast);
    }
    if (index.capacity > this.#options.maxRecords) {
      throw new ResultsUnreadableError(
        `${this.#options.batch} has more records than are kept in memory here: export them`,
      );
    }
    return true;
  }

  #makeRoomForPages(): void {
    this.#keys = this.#keys.widened(this.#wantedPages);
    this.#index.clear();
    this.#parts = this.#parts.map((part) => ({ ...part, scanned: 0, seen: 0 }));
  }

  #reset(): void {
    this.#index.clear();
    this.#parts = [];
    this.#isComplete = false;
  }
}
