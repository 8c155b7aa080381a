import { BLOCK_BYTES, type PartFiles } from '../export/part-files.ts';
import { HEAD_STEPS, type ParsedHead, parseHead } from './record-head.ts';

/** Blocks that are kept, as many as parts that are read side by side: 8 MiB. */
const MAX_BLOCKS = 32;
/** Blocks of which it is known that something was read. */
const MAX_TOUCHED = 128;

interface Place {
  readonly position: number;
  /** Bytes of the line including the newline. */
  readonly length: number;
}

/**
 * Reads the fields of records. Neighbours in a part are mostly neighbours in the crawl: the second
 * read in a block of a part reads the whole block, and those that follow are answered from memory.
 * Records that are anywhere cost a few kilobytes each.
 */
export class HeadReader {
  readonly #files: PartFiles;
  /** By their positions, the one that was used last at the end. */
  readonly #blocks = new Map<number, Buffer>();
  readonly #touched = new Set<number>();

  constructor(files: PartFiles) {
    this.#files = files;
  }

  /**
   * @param isWanted whether the record may be one that is looked for, by its fields as JSON: others
   *   are not parsed
   * @returns undefined for what is no record, or none that is wanted
   */
  read(place: Place, isWanted?: (json: string) => boolean): ParsedHead | undefined {
    for (const step of HEAD_STEPS) {
      const size = Math.min(step, place.length - 1);
      const bytes = this.#bytes(place.position, size);
      const parsed = parseHead(bytes, size === place.length - 1, isWanted);
      if (parsed !== undefined) {
        return parsed ?? undefined;
      }
    }
    return undefined;
  }

  #bytes(position: number, size: number): Buffer {
    const start = position - (position % BLOCK_BYTES);
    const block = this.#block(start);
    const at = position - start;
    if (block !== undefined && at + size <= block.length) {
      return block.subarray(at, at + size);
    }
    const bytes = Buffer.allocUnsafe(size);
    this.#files.readSync(bytes, position);
    return bytes;
  }

  /** Undefined where it was not read from before. */
  #block(start: number): Buffer | undefined {
    const known = this.#blocks.get(start);
    if (known !== undefined) {
      return known;
    }
    if (!this.#touched.delete(start)) {
      this.#touched.add(start);
      dropFirst(this.#touched, MAX_TOUCHED);
      return undefined;
    }
    const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, this.#files.bytesFrom(start)));
    this.#files.readSync(block, start);
    this.#blocks.set(start, block);
    dropFirst(this.#blocks, MAX_BLOCKS);
    return block;
  }
}

function dropFirst(kept: Map<number, unknown> | Set<number>, max: number): void {
  const [first] = kept.keys();
  if (kept.size > max && first !== undefined) {
    kept.delete(first);
  }
}
