import { randomUUID } from 'node:crypto';
import { lstat, stat } from 'node:fs/promises';
import { placeFile } from '../folder/durable-folder.ts';
import { systemErrorCode } from '../folder/errors.ts';
import { rootMarkerPath } from '../folder/layout.ts';
import { readSmall } from '../folder/regular-file.ts';
import { probeResults } from './probe-results.ts';
import { SinkError } from './sink.ts';

/** A marker has 37 bytes. */
const MAX_MARKER_BYTES = 1024;

/** A file or folder, told apart from one that has its path or its inode number later. */
interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly birthtimeNs: bigint;
}

interface OpenRoot {
  /** Content of the marker. */
  readonly id: string;
  readonly marker: Identity;
  readonly folder: Identity;
}

/**
 * The results folder as a worker found it when it started. Another folder may appear at its path: a
 * volume is unmounted, a symbolic link turns. Records in that folder would be lost.
 *
 * A marker file with a random id tells folders apart. It is looked at before anything is created
 * in the folder: one `stat` while it is the same file. Records need no look at it: with every flush
 * the path of the part shows that it leads to the file that was written.
 *
 *     marker     folder    what happened                  consequence
 *     same file            nothing                        the check passes
 *     same id              mounted again, or copied       the check passes
 *     missing    same      somebody emptied the folder    the marker is written again
 *     missing    other     the volume is gone             the check fails
 *     other id             another results folder         the check fails
 */
export class ResultsRoot {
  readonly #dir: string;
  readonly #path: string;
  #root: OpenRoot | undefined;
  #opening: Promise<OpenRoot> | undefined;

  constructor(dir: string) {
    this.#dir = dir;
    this.#path = rootMarkerPath(dir);
  }

  /**
   * Creates folder and marker if they are missing, and remembers both. Workers that share a folder
   * accept the marker of the first one.
   *
   * @throws SinkError
   */
  async open(): Promise<void> {
    if (this.#root !== undefined) {
      return;
    }
    // Writers of several batches may come here at once.
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    this.#root = await this.#opening;
  }

  /** Content of the marker; undefined before {@link open}. */
  get id(): string | undefined {
    return this.#root?.id;
  }

  /** @throws SinkError unless the folder at the path is the one that was opened */
  async assertSame(): Promise<void> {
    if (this.#root === undefined) {
      await this.open();
      return;
    }
    const marker = await this.#explained(async () => identityOf(lstat, this.#path));
    if (marker === undefined || !isSame(marker, this.#root.marker)) {
      await this.#explained(async () => this.#identify());
    }
  }

  async #open(): Promise<OpenRoot> {
    await probeResults(this.#dir);
    return this.#explained(async () => this.#read(await this.#ensureMarker(randomUUID())));
  }

  async #read(id: string): Promise<OpenRoot> {
    const [marker, folder] = await Promise.all([
      identityOf(lstat, this.#path),
      identityOf(stat, this.#dir),
    ]);
    if (marker === undefined || folder === undefined) {
      throw new Error('the folder disappeared while it was opened');
    }
    return { id, marker, folder };
  }

  /** The marker is missing, or is another file. */
  async #identify(): Promise<void> {
    const known = this.#root;
    const folder = await identityOf(stat, this.#dir);
    if (known === undefined || folder === undefined) {
      throw new Error('the folder is gone, and running workers do not create it again');
    }
    const isSameFolder = isSame(folder, known.folder);
    const found = isSameFolder ? await this.#ensureMarker(known.id) : await readMarker(this.#path);
    if (found !== known.id) {
      throw new Error(`another folder is at this path: its marker does not say ${known.id}`);
    }
    this.#root = await this.#read(known.id);
  }

  /** @returns the id in the marker, which another worker may have written first */
  async #ensureMarker(id: string): Promise<string> {
    const present = await readMarker(this.#path);
    if (present !== undefined) {
      return present;
    }
    await placeFile(this.#path, `${id}\n`, { replaces: false });
    return (await readMarker(this.#path)) ?? id;
  }

  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new SinkError('write results to', this.#dir, error);
    }
  }
}

/** @param look `stat` follows a link, `lstat` does not */
async function identityOf(
  look: typeof lstat | typeof stat,
  path: string,
): Promise<Identity | undefined> {
  try {
    return await look(path, { bigint: true });
  } catch (error) {
    return undefinedIfMissing(error);
  }
}

function isSame(one: Identity, other: Identity): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.birthtimeNs === other.birthtimeNs;
}

/** The id of a results folder; undefined if it has none yet. */
export async function readMarker(path: string): Promise<string | undefined> {
  try {
    return (await readSmall(path, MAX_MARKER_BYTES)).trim();
  } catch (error) {
    return undefinedIfMissing(error);
  }
}

function undefinedIfMissing(error: unknown): undefined {
  const code = systemErrorCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') {
    throw error;
  }
  return undefined;
}
