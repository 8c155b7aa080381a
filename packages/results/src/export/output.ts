import type { Writable } from 'node:stream';

/**
 * Writes to a stream that the caller owns. A write resolves when the stream has accepted the chunk,
 * so a slow reader slows the export down. A broken stream (`EPIPE`) rejects this write or the next.
 */
export class Output {
  readonly #stream: Writable;
  readonly #signal: AbortSignal | undefined;
  #error: Error | undefined;
  /** Rejects the running write. */
  #reject: ((error: unknown) => void) | undefined;
  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    // A stream that another one feeds from may be destroyed, and forget the callback of a write.
    this.#reject?.(error);
  };

  constructor(stream: Writable, signal?: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    // Without a listener, the error of a closed pipe would end the process.
    stream.on('error', this.#onError);
  }

  async write(chunk: Buffer | string): Promise<void> {
    if (chunk.length === 0) {
      return;
    }
    if (this.#error !== undefined) {
      throw this.#error;
    }
    const signal = this.#signal;
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#reject = reject;
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#stream.write(chunk, (error) => {
      if (error) {
        reject(error);
      } else {
        resolve();
      }
    });
    try {
      await promise;
    } finally {
      this.#reject = undefined;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Removes the error listener. The stream stays open. */
  release(): void {
    // A failed write calls its callback first, and the stream emits `error` in the next turn, or
    // when it is closed: a file may take any time. A destroyed stream keeps the listener.
    setImmediate(() => {
      if (!this.#stream.destroyed) {
        this.#stream.off('error', this.#onError);
      }
    });
  }
}
