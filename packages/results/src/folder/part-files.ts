import { closeSync, openSync, read, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from './system-error.ts';

/** Files kept open at once; a batch that saw many crashes has more parts than a process may open. */
const MAX_OPEN = 64;

/** Parts begin at multiples of this, so that a block of that size lies in one of them. */
export const BLOCK_BYTES = 256 * 1024;

const readAt = promisify(read);

/** One file of a batch, as it was when the export began. What a worker appends later is left out. */
export interface PartFile {
  readonly path: string;
  /** Position of its first byte. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
}

/** A part became shorter or vanished while it was read. */
export class ResultsChangedError extends Error {
  override readonly name = 'ResultsChangedError';
  readonly code = 'RESULTS_CHANGED';
}

/** A part cannot be read: no permission, or a broken disk. */
export class ResultsUnreadableError extends Error {
  override readonly name = 'ResultsUnreadableError';
  readonly code = 'RESULTS_UNREADABLE';
}

/**
 * Reads from many parts as if they were one, opening and closing them as needed. A *position* counts bytes over
 * all of them, so that one number says where a line is:
 *
 *     part 0 ─────────────┐ gap  part 1 ───────┐ gap  part 2 ──
 *     0             size 0       base 1               base 2
 */
export class PartFiles {
  readonly parts: readonly PartFile[];
  /** File descriptors, least recently used first. */
  readonly #open = new Map<PartFile, number>();
  /** Reads under way by part: their files may not be closed. */
  readonly #busy = new Map<PartFile, number>();
  readonly #reads = new Set<Promise<void>>();

  private constructor(parts: readonly PartFile[]) {
    this.parts = parts;
  }

  static async of(paths: readonly string[]): Promise<PartFiles> {
    const parts: PartFile[] = [];
    let base = 0;
    for (const path of paths) {
      const { size } = await stat(path).catch((error: unknown) => {
        throw unreadable(path, error);
      });
      parts.push({ path, base, size });
      base += Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    }
    return new PartFiles(parts);
  }

  /** Of all parts. */
  get bytes(): number {
    return this.parts.reduce((sum, { size }) => sum + size, 0);
  }

  /** Fills `target` from `position` on, out of one part. */
  async read(target: Buffer, position: number): Promise<void> {
    if (target.length === 0) return;
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
   * The same in place, for a few bytes that were scanned before and mostly come from memory: there a round
   * trip through the thread pool costs twenty times as much.
   */
  readSync(target: Buffer, position: number): void {
    const part = this.#partAt(position);
    const file = this.#descriptor(part);
    for (let done = 0; done < target.length;) {
      const offset = position - part.base + done;
      const count = attempt(part, () => readSync(file, target, done, target.length - done, offset));
      if (count === 0) throw shortened(part);
      done += count;
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#reads);
    // Nothing was written, so nothing can be lost by a close.
    for (const file of this.#open.values()) closeSync(file);
    this.#open.clear();
  }

  async #fill(part: PartFile, target: Buffer, offset: number): Promise<void> {
    const file = this.#descriptor(part);
    for (let done = 0; done < target.length;) {
      const length = target.length - done;
      const { bytesRead } = await readAt(file, target, done, length, offset + done).catch(
        (error: unknown) => {
          throw unreadable(part.path, error);
        },
      );
      if (bytesRead === 0) throw shortened(part);
      done += bytesRead;
    }
  }

  /** The last part that begins at `position` or before. */
  #partAt(position: number): PartFile {
    let low = 0;
    let high = this.parts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.parts[middle]?.base ?? Infinity) <= position) low = middle;
      else high = middle;
    }
    const part = this.parts[low];
    if (part === undefined) throw new RangeError('there are no parts to read from');
    return part;
  }

  #descriptor(part: PartFile): number {
    const known = this.#open.get(part);
    if (known === undefined) this.#makeRoom();
    else this.#open.delete(part);
    const file = known ?? attempt(part, () => openSync(part.path, 'r'));
    this.#open.set(part, file);
    return file;
  }

  #makeRoom(): void {
    for (const [part, file] of this.#open) {
      if (this.#open.size < MAX_OPEN) return;
      if ((this.#busy.get(part) ?? 0) > 0) continue;
      this.#open.delete(part);
      closeSync(file);
    }
  }
}

function attempt(part: PartFile, action: () => number): number {
  try {
    return action();
  } catch (error) {
    throw unreadable(part.path, error);
  }
}

function shortened({ path }: PartFile): ResultsChangedError {
  return new ResultsChangedError(`${path} became shorter while it was read`);
}

function unreadable(path: string, cause: unknown): Error {
  if (systemErrorCode(cause) === 'ENOENT') {
    return new ResultsChangedError(`${path} vanished while it was read`, { cause });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ResultsUnreadableError(`cannot read ${path}: ${reason}`, { cause });
}
