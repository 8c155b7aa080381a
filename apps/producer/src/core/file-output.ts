import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { toError } from '@fetchfleet/crawl';

/**
 * stdout that is a file. The stream of Node takes a write for done of which the disk had room for a
 * part only, so that the end of the output would be missing without an error. Writes at once, as
 * that stream does: nothing is lost when the process exits.
 */
export class FileOutput extends Writable {
  readonly #fd: number;

  /** @param fd stays open */
  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    try {
      for (let at = 0; at < chunk.length;) {
        at += writeSync(this.#fd, chunk, at);
      }
    } catch (error) {
      done(toError(error));
      return;
    }
    done();
  }
}
