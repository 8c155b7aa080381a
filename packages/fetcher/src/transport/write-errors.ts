/* oxlint-disable no-underscore-dangle -- the names that streams give them */
import type { Socket } from 'node:net';

/** Codes of a write to a connection that its other end has closed. */
const CLOSED = new Set<string | undefined>(['EPIPE', 'ECONNRESET']);

type OnWritten = (error?: (Error & { readonly code?: string }) | null) => void;

/**
 * Lets a socket read on where the other end has closed the connection before it read all that was
 * sent. An origin may answer a large body by its head alone, and Node would destroy the socket
 * without reading that answer. Whoever reads sees how the connection ends.
 */
export class WriteErrors {
  #onWritten: OnWritten | undefined;
  #isClosed = false;

  constructor(socket: Socket) {
    const onWritten: OnWritten = (error) => this.#end(error);
    const write = socket._write.bind(socket);
    socket._write = (chunk, encoding, done) => {
      this.#onWritten = done;
      write(chunk, encoding, onWritten);
    };
    const writev = socket._writev?.bind(socket);
    if (writev !== undefined) {
      socket._writev = (chunks, done) => {
        this.#onWritten = done;
        writev(chunks, onWritten);
      };
    }
  }

  /** Whether the other end has closed the connection: no other request may be sent on it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** A stream writes one thing at a time. */
  #end(error: Parameters<OnWritten>[0]): void {
    const isClosed = CLOSED.has(error?.code);
    this.#isClosed ||= isClosed;
    this.#onWritten?.(isClosed ? null : error);
  }
}
