import { closeSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { readError, ResultsChangedError, ResultsUnreadableError } from '../folder/errors.ts';
import { openFoundSync, type RegularFile } from '../folder/regular-file.ts';

/** Files kept open. After many crashes a batch has more parts than a process can open. */
const MAX_OPEN_FILES = 64;

/** Parts begin at multiples of this, so each block of this size belongs to one part. */
export const BLOCK_BYTES = 256 * 1024;

/** `RecordIndex` has 47 bits for a position. */
const MAX_POSITION = 2 ** 47;

const readAt = promisify(read);

/** One file of a batch, as of the start of the export. Later appends are not exported. */
export interface PartFile extends RegularFile {
  /** Position of its first byte. */
  readonly base: number;
}

/**
 * Reads from many parts and opens files as needed. Parts are addressed as if concatenated: one
 * *position*, in bytes, identifies a line in any of them.
 *
 *     part 0 ─────────────┐ gap  part 1 ───────┐ gap  part 2 ──
 *     0             size 0       base 1               base 2
 */
export class PartFiles {
  readonly parts: readonly PartFile[];
  /** File descriptors, least recently used first. */
  readonly #open = new Map<PartFile, number>();
  /** Running reads per part. Files with running reads stay open. */
  readonly #busy = new Map<PartFile, number>();
  readonly #reads = new Set<Promise<void>>();

  /**
   * @param spacing between the bases of two parts, a multiple of {@link BLOCK_BYTES}: parts that
   *   grow keep their bases. @default the parts follow each other
   * @throws ResultsUnreadableError if the parts are larger than workers can have written them
   */
  constructor(files: readonly RegularFile[], spacing?: number) {
    let base = 0;
    this.parts = files.map((file) => {
      const part = { ...file, base };
      base += spacing ?? Math.ceil(file.size / BLOCK_BYTES) * BLOCK_BYTES;
      if (spacing !== undefined && file.size > spacing) {
        throw new ResultsUnreadableError(`${file.path} is larger than ${spacing} bytes`);
      }
      if (base > MAX_POSITION) {
        throw new ResultsUnreadableError(`${file.path} and the parts before it exceed 128 TiB`);
      }
      return part;
    });
  }

  /** Total size of the parts. */
  get bytes(): number {
    return this.parts.reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes of the part from a position in it to its end. */
  bytesFrom(position: number): number {
    const { base, size } = this.#partAt(position);
    return base + size - position;
  }

  /** Fills `target` with the bytes from `position`. They must be in one part. */
  async read(target: Buffer, position: number): Promise<void> {
    if (target.length === 0) {
      return;
    }
    const part = this.#partAt(position);
    const reading = this.#fill(part, target, position - part.base);
    this.#reads.add(reading);
    this.#busy.set(part, (this.#busy.get(part) ?? 0) + 1);
    try {
      await reading;
    } finally {
      this.#reads.delete(reading);
      this.#busy.set(part, (this.#busy.get(part) ?? 0) - 1);
    }
  }

  /**
   * Like `read`, but synchronous: for a few bytes that are probably in the page cache, a round trip
   * through the thread pool takes twenty times as long.
   */
  readSync(target: Buffer, position: number): void {
    const part = this.#partAt(position);
    const file = this.#descriptor(part);
    for (let done = 0; done < target.length;) {
      const offset = position - part.base + done;
      const count = explained(part, () =>
        readSync(file, target, done, target.length - done, offset),
      );
      if (count === 0) {
        throw shortened(part);
      }
      done += count;
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#reads);
    // The files are only read, so closing cannot lose data.
    for (const file of this.#open.values()) {
      closeSync(file);
    }
    this.#open.clear();
  }

  async #fill(part: PartFile, target: Buffer, offset: number): Promise<void> {
    const file = this.#descriptor(part);
    for (let done = 0; done < target.length;) {
      const length = target.length - done;
      const { bytesRead } = await readAt(file, target, done, length, offset + done).catch(
        (error: unknown) => {
          throw readError(part.path, error);
        },
      );
      if (bytesRead === 0) {
        throw shortened(part);
      }
      done += bytesRead;
    }
  }

  /** The last part that begins at or before `position`. */
  #partAt(position: number): PartFile {
    let low = 0;
    let high = this.parts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.parts[middle]?.base ?? Infinity) <= position) {
        low = middle;
      } else {
        high = middle;
      }
    }
    const part = this.parts[low];
    if (part === undefined) {
      throw new RangeError('there are no parts to read from');
    }
    return part;
  }

  #descriptor(part: PartFile): number {
    const known = this.#open.get(part);
    if (known === undefined) {
      this.#closeIdleFile();
    } else {
      this.#open.delete(part);
    }
    const file = known ?? explained(part, () => openFoundSync(part));
    this.#open.set(part, file);
    return file;
  }

  #closeIdleFile(): void {
    for (const [part, file] of this.#open) {
      if (this.#open.size < MAX_OPEN_FILES) {
        return;
      }
      if ((this.#busy.get(part) ?? 0) > 0) {
        continue;
      }
      this.#open.delete(part);
      closeSync(file);
    }
  }
}

/** Runs an operation on the file of a part. Its errors name the part. */
function explained(part: PartFile, action: () => number): number {
  try {
    return action();
  } catch (error) {
    throw readError(part.path, error);
  }
}

function shortened({ path }: PartFile): ResultsChangedError {
  return new ResultsChangedError(`${path} became shorter while it was read`);
}
