import { open, type FileHandle, lstat, mkdir } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { toError } from '@fetchfleet/crawl';
import { kindOf } from '../folder/regular-file.ts';
import { bodyOf, type Row } from './row.ts';

/** A body cannot be written to its file. */
export class BodyFileError extends Error {
  override readonly name = 'BodyFileError';
  readonly code = 'OUTPUT_UNWRITABLE';
}

/** Files that are written at once. */
const PARALLEL_WRITES = 16;

/**
 * Whoever may write to the folder can put a link or a pipe at the name of a file. An open of a link
 * fails, and an open of a pipe does not wait for its other end.
 */
const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const WRITE = SAFELY | constants.O_WRONLY | constants.O_CREAT;

/** What is longer, or has other characters, is no ending: `application/vnd.api+json; v=1`. */
const ENDINGS: Readonly<Record<string, string>> = {
  'application/gzip': 'gz',
  'application/javascript': 'js',
  'application/json': 'json',
  'application/pdf': 'pdf',
  'application/xhtml+xml': 'html',
  'application/xml': 'xml',
  'application/x-ndjson': 'ndjson',
  'application/zip': 'zip',
  'image/gif': 'gif',
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/svg+xml': 'svg',
  'image/webp': 'webp',
  'text/css': 'css',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/javascript': 'js',
  'text/plain': 'txt',
  'text/xml': 'xml',
};

/** Writes each body to a file of a folder: `17.json`, with pages `17-3.json`. */
export class BodyFiles {
  readonly #dir: string;
  #isOpen = false;

  /** @param dir absolute path */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Creates the folder if it is missing. */
  async open(): Promise<void> {
    if (this.#isOpen) {
      return;
    }
    await mkdir(this.#dir, { recursive: true }).catch((error: unknown) => {
      throw unwritable(this.#dir, error);
    });
    this.#isOpen = true;
  }

  /** Writes the bodies of rows. @returns the rows with the names of their files */
  async write(rows: readonly Row[]): Promise<Row[]> {
    const written: Row[] = [...rows];
    const entries = rows.entries();
    const writers = Array.from({ length: PARALLEL_WRITES }, async () => {
      // All of them take from the same iterator.
      for (const [at, row] of entries) {
        written[at] = await this.#writeRow(row);
      }
    });
    const ended = await Promise.allSettled(writers);
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) {
      throw failed.reason;
    }
    return written;
  }

  async #writeRow(row: Row): Promise<Row> {
    const body = bodyOf(row);
    if (body === undefined) {
      return row;
    }
    const bodyFile = fileName(row);
    const encoding = row.head.bodyEncoding === 'base64' ? 'base64' : 'utf8';
    const bytes = typeof body === 'string' ? Buffer.from(body, encoding) : body;
    await writeRegular(join(this.#dir, bodyFile), bytes);
    return { ...row, bodyFile };
  }
}

/** Index and page are numbers and the ending is ours, so a name cannot lead out of the folder. */
function fileName({ head }: Row): string {
  const page = head['page'];
  const number = typeof page === 'number' ? `${head.index}-${Math.trunc(page)}` : `${head.index}`;
  return `${number}.${endingOf(head)}`;
}

function endingOf(head: Row['head']): string {
  if (head.bodyEncoding === undefined) {
    return 'json';
  }
  const contentType = head['contentType'];
  const [type = ''] = typeof contentType === 'string' ? contentType.split(';') : [];
  const known = ENDINGS[type.trim().toLowerCase()];
  // What was announced as JSON and is none must not look like it.
  const isWrong = known === undefined || known === 'json';
  return isWrong ? (head.bodyEncoding === 'text' ? 'txt' : 'bin') : known;
}

/** Replaces the content of a file, or creates it. @throws BodyFileError unless it is regular */
async function writeRegular(path: string, bytes: Buffer): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, WRITE, 0o666);
    const stats = await handle.stat();
    if (!stats.isFile()) {
      throw new BodyFileError(`${path} is ${kindOf(stats)}, not a regular file`);
    }
    // A file with other names is also elsewhere.
    if (stats.nlink > 1) {
      throw new BodyFileError(`${path} has ${stats.nlink} names: it is a hard link`);
    }
    await handle.truncate(0);
    await handle.writeFile(bytes);
  } catch (error) {
    throw await explain(path, error);
  } finally {
    await handle?.close();
  }
}

/** An open of a link, a folder or a pipe without a reader fails with a code that says little. */
async function explain(path: string, error: unknown): Promise<Error> {
  if (error instanceof BodyFileError) {
    return error;
  }
  const stats = await lstat(path).catch(() => undefined);
  if (stats !== undefined && !stats.isFile()) {
    return new BodyFileError(`${path} is ${kindOf(stats)}, not a regular file`, { cause: error });
  }
  return unwritable(path, error);
}

function unwritable(path: string, cause: unknown): BodyFileError {
  // The message goes on with the path.
  const [reason = ''] = toError(cause).message.split(',');
  return new BodyFileError(`${path} cannot be written: ${reason}`, { cause });
}
