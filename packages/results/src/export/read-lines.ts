import { type ExportSummary, type ReadOptions, readBatch } from './export-batch.ts';

interface LinesOptions extends ReadOptions {
  /**
   * Called with each line, without its newline. Its memory is used again for other lines; the next
   * one waits for a promise.
   */
  readonly onLine: (line: Buffer) => void | Promise<void>;
}

/** Reads the records that an export writes, in its order. @throws as `exportBatch` does */
export async function readLines({ onLine, ...options }: LinesOptions): Promise<ExportSummary> {
  return readBatch(options, () => ({
    write: async ({ data, ends }) => {
      let start = 0;
      for (const next of ends) {
        // Most lines need no wait.
        const pending = onLine(data.subarray(start, next - 1));
        if (pending !== undefined) {
          await unlessAborted(pending, options.signal);
        }
        start = next;
      }
    },
    end: async () => undefined,
    invalid: 0,
    keepsWindows: false,
  }));
}

/** Waits for something that may take for ever, until there is an abort. */
async function unlessAborted(pending: Promise<void>, signal?: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal?.aborted === true) {
      onAbort();
    }
    await Promise.race([pending, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
