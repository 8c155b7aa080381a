import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Files kept open at once; a batch that saw many crashes has more parts than a process may open. */
const MAX_OPEN = 64;

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  users: number;
}

/** A part became shorter or vanished while it was read. */
export class ResultsChangedError extends Error {
  override readonly name = 'ResultsChangedError';
  readonly code = 'RESULTS_CHANGED';
}

/** Reads from many parts by number, opening and closing them as needed. */
export class PartFiles {
  readonly paths: readonly string[];
  /** Least recently used first. */
  readonly #open = new Map<number, OpenFile>();

  constructor(paths: readonly string[]) {
    this.paths = paths;
  }

  size(part: number): Promise<number> {
    return this.#use(part, async (handle) => (await handle.stat()).size);
  }

  /** Fills `target` from `position` on. */
  async read(part: number, target: Buffer, position: number): Promise<void> {
    await this.#use(part, async (handle) => {
      let done = 0;
      while (done < target.length) {
        const length = target.length - done;
        const { bytesRead } = await handle.read(target, done, length, position + done);
        if (bytesRead === 0) throw this.#changed(part);
        done += bytesRead;
      }
    });
  }

  /**
   * The first bytes of a line, read in place: it was scanned a moment ago, so that it comes from memory,
   * where a round trip through the thread pool would cost twenty times as much.
   */
  head(part: number, position: number, length: number): Promise<Buffer> {
    return this.#use(part, async (handle) => {
      const target = Buffer.allocUnsafe(length);
      return target.subarray(0, readSync(handle.fd, target, 0, length, position));
    });
  }

  async stop(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    // Nothing was written, so nothing can be lost by a failing close.
    await Promise.allSettled(files.map(async ({ handle }) => (await handle).close()));
  }

  async #use<T>(part: number, action: (handle: FileHandle) => Promise<T>): Promise<T> {
    const path = this.paths[part] ?? '';
    const file = this.#open.get(part) ?? { handle: open(path, 'r'), users: 0 };
    this.#open.delete(part);
    this.#open.set(part, file);
    file.users += 1;
    try {
      return await action(await file.handle);
    } finally {
      file.users -= 1;
      await this.#trim();
    }
  }

  async #trim(): Promise<void> {
    if (this.#open.size <= MAX_OPEN) return;
    for (const [part, { handle, users }] of this.#open) {
      if (users > 0) continue;
      this.#open.delete(part);
      await (await handle).close();
      if (this.#open.size <= MAX_OPEN) return;
    }
  }

  #changed(part: number): ResultsChangedError {
    return new ResultsChangedError(`${this.paths[part]} became shorter while it was read`);
  }
}
