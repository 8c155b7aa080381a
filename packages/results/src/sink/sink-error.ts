import { systemErrorCode } from '../folder/system-error.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'disk quota used up',
  EEXIST: 'a file stands where a folder is needed',
  EFBIG: 'the file would exceed the size limit of the process or file system',
  EIO: 'the disk reports an input/output error',
  EISDIR: 'a folder stands where a file is needed',
  EMFILE: 'too many open files in this process',
  ENAMETOOLONG: 'the name is too long for the file system',
  ENFILE: 'too many open files on this machine',
  ENOENT: 'the folder is not there',
  ENOSPC: 'disk full',
  ENOTDIR: 'a file stands where a folder is needed',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
};

/** Results cannot be written just now. Acknowledge nothing, and try again later with the same lines. */
export class SinkError extends Error {
  override readonly name = 'SinkError';
  readonly code = 'SINK_UNWRITABLE';
  /** The file or folder that failed. */
  readonly path: string;

  constructor(operation: string, path: string, cause: unknown) {
    super(`cannot ${operation} ${path}: ${explain(cause)}`, { cause });
    this.path = path;
  }
}

function explain(cause: unknown): string {
  const code = systemErrorCode(cause);
  if (code !== undefined) return `${REASONS[code] ?? 'the file system refused'} (${code})`;
  return cause instanceof Error ? cause.message : String(cause);
}
