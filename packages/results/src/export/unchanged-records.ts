import type { BodyPlace } from '@fetchfleet/crawl';
import type { Manifest } from '../folder/manifest.ts';
import { readUnchanged } from '../folder/record-line.ts';
import { BodySources, type MissingBodies } from './body-sources.ts';
import type { Window } from './window-reader.ts';

/** Bytes of a window that is made here; a single longer line has one of its own. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** What becomes of records whose bodies are in earlier batches. */
export type UnchangedMode = 'fill' | 'leave-out' | 'keep';

/** For so few records, other batches are not indexed as a whole. */
const NARROW = 4;

interface UnchangedOptions {
  /** @default 'fill' */
  readonly unchanged?: UnchangedMode | undefined;
  /** Results folders. */
  readonly dirs: readonly string[];
  /** Of the batch that is read. */
  readonly manifest: Manifest | undefined;
  /** The records that are read. */
  readonly range: readonly [from: number, to: number];
  readonly signal?: AbortSignal | undefined;
}

/** Goes through windows for records whose bodies are in earlier batches. */
export class UnchangedRecords {
  /** 'keep' also where no record can refer to another batch: windows are not searched. */
  readonly #mode: UnchangedMode;
  readonly #sources: BodySources;
  #count = 0;

  constructor({ unchanged = 'fill', dirs, manifest, range, signal }: UnchangedOptions) {
    const mayRefer = manifest === undefined || (manifest.revalidate?.refersTo.length ?? 0) > 0;
    const isNarrow = range[1] - range[0] <= NARROW;
    this.#mode = mayRefer ? unchanged : 'keep';
    this.#sources = new BodySources({ dirs, manifest, isNarrow, signal });
  }

  /** Records that were not handed on. */
  get leftOut(): number {
    return this.#mode === 'leave-out' ? this.#count : 0;
  }

  /** What is to be said of these records. */
  get summary(): {
    readonly unchanged?: number;
    readonly missingBodies?: readonly MissingBodies[];
  } {
    const { missing } = this.#sources;
    return {
      ...(this.#count > 0 && { unchanged: this.#count }),
      ...(missing.length > 0 && { missingBodies: missing }),
    };
  }

  async stop(): Promise<void> {
    await this.#sources.stop();
  }

  /** The same records with their bodies, or without those that are unchanged. */
  async *windows(window: Window): AsyncGenerator<Window, void> {
    if (this.#mode === 'keep') {
      yield window;
      return;
    }
    const { data, ends } = window;
    let made = new MadeWindow();
    let isSame = true;
    let copied = 0;
    let start = 0;
    for (const next of ends) {
      const line = data.subarray(start, next - 1);
      const place = readUnchanged(line);
      if (place !== undefined) {
        if (isSame) {
          // The first one: up to here the window is as it was.
          made.addLines(data, ends, copied);
          isSame = false;
        }
        this.#count += 1;
        const filled = await this.#changed(line, place, data.subarray(start, next));
        if (filled !== undefined) {
          made.add(filled);
        }
      } else if (!isSame) {
        made.add(data.subarray(start, next));
      }
      if (made.bytes >= WINDOW_BYTES) {
        yield made.finish();
        made = new MadeWindow();
      }
      copied += 1;
      start = next;
    }
    if (isSame) {
      yield window;
    } else if (made.bytes > 0) {
      yield made.finish();
    }
  }

  /** What is written in place of a line; undefined if that is nothing. */
  async #changed(line: Buffer, place: BodyPlace, whole: Buffer): Promise<Buffer | undefined> {
    if (this.#mode === 'leave-out') {
      return undefined;
    }
    return (await this.#sources.fill(line, place)) ?? whole;
  }
}

class MadeWindow {
  readonly #lines: Buffer[] = [];
  readonly #ends: number[] = [];
  bytes = 0;

  add(line: Buffer): void {
    this.#lines.push(line);
    this.bytes += line.length;
    this.#ends.push(this.bytes);
  }

  /** Adds the first lines of a window. */
  addLines(data: Buffer, ends: Uint32Array, count: number): void {
    const bytes = count === 0 ? 0 : (ends[count - 1] ?? 0);
    this.#lines.push(data.subarray(0, bytes));
    for (let at = 0; at < count; at += 1) {
      this.#ends.push(ends[at] ?? 0);
    }
    this.bytes += bytes;
  }

  /** Copies the lines: their memory is used again. */
  finish(): Window {
    const data = Buffer.concat(this.#lines);
    return { data, ends: Uint32Array.from(this.#ends), release: () => undefined };
  }
}
