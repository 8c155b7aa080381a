import { statSync } from 'node:fs';
import { resolve } from 'node:path';

/** The pipes of this process: `/dev/stdin`, or `/dev/fd/63` of a shell's `<(…)`. */
const OWN_PIPES = /^\/(?:dev|proc)\//u;

/**
 * Whether a file that somebody has named is a named pipe. Opening it waits until another program
 * writes to it, and until then no signal ends the process. Own pipes are open already.
 *
 * @throws the error of the file system
 */
export function isNamedPipe(path: string): boolean {
  return !OWN_PIPES.test(resolve(path)) && statSync(path).isFIFO();
}

/** @throws an error whose reason `reasonOfFileError` knows, for a named pipe too */
export function refuseNamedPipe(path: string): void {
  if (isNamedPipe(path)) {
    throw Object.assign(new Error(`${path} is a named pipe`), { code: 'NAMED_PIPE' });
  }
}
