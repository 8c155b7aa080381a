import { type RecordLine, toError } from '@fetchfleet/crawl';
import { systemErrorCode } from '../folder/errors.ts';

/** How long records gather, and up to how many bytes, before they are appended together. */
export interface Gathering {
  readonly ms: number;
  readonly bytes: number;
}

/** Stores records durably: a record whose append was acknowledged survives a power cut. */
export interface Sink {
  /** How many records are best flushed together. @default 10 ms and 1 MiB */
  readonly gathering?: Gathering;
  /** Random id of the place; undefined before {@link start}. */
  readonly id: string | undefined;
  /**
   * Opens the place. The sink then writes to this one alone: it fails while another one is where it
   * was.
   *
   * @throws SinkError
   */
  start(): Promise<void>;
  /** @throws SinkError while another place is where its own was */
  assertSame(): Promise<void>;
  /**
   * Resolves when all lines are durable. Lines have no newline, and must not change meanwhile.
   * After a rejection none of them counts as durable; append the same lines again.
   */
  append(batch: string, lines: readonly RecordLine[]): Promise<void>;
  /** Waits for pending appends, then closes all files and connections. Stopping twice is fine. */
  stop(): Promise<void>;
}

/** Results cannot be written now. Acknowledge nothing and append the same lines again later. */
export class SinkError extends Error {
  override readonly name = 'SinkError';
  readonly code = 'SINK_UNWRITABLE';
  /** What cannot be done: `append to`, for example. */
  readonly operation: string;
  /** The file or folder that failed. */
  readonly path: string;
  readonly reason: string;

  constructor(operation: string, path: string, cause: unknown) {
    const reason = explain(cause);
    super(`cannot ${operation} ${path}: ${reason}`, { cause });
    this.operation = operation;
    this.path = path;
    this.reason = reason;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'disk quota used up',
  EEXIST: 'a file is where a folder is needed',
  EFBIG: 'the file would exceed the size limit of the process or file system',
  EIO: 'the disk reports an input/output error',
  EISDIR: 'a folder is where a file is needed',
  EMFILE: 'too many open files in this process',
  ENAMETOOLONG: 'the name is too long for the file system',
  ENFILE: 'too many open files on this machine',
  ENOENT: 'the folder does not exist',
  ENOSPC: 'disk full',
  ENOTDIR: 'a file is where a folder is needed',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
};

function explain(cause: unknown): string {
  const code = systemErrorCode(cause);
  if (code !== undefined) {
    return `${REASONS[code] ?? 'the file system refused'} (${code})`;
  }
  return toError(cause).message;
}
