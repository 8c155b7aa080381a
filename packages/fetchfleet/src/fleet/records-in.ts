import { readLines, type ReadOptions } from '@fetchfleet/results';

/** Lines that may wait for whoever reads them. */
const MAX_WAITING = 256;

interface Options extends Pick<ReadOptions, 'dir' | 'batch' | 'total'> {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The lines of an export, as fast as they are asked for. Whoever stops asking ends the export.
 *
 * @throws as `exportBatch` does
 */
export async function* recordsIn({
  signal,
  ...options
}: Options): AsyncGenerator<string, void, undefined> {
  const stopped = new AbortController();
  const signals = signal === undefined ? [stopped.signal] : [stopped.signal, signal];
  let waiting: string[] = [];
  let arrived = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();
  let isOver = false;
  const reading = readLines({
    ...options,
    signal: AbortSignal.any(signals),
    onLine: (line) => {
      waiting.push(line.toString());
      arrived.resolve();
      return waiting.length < MAX_WAITING ? undefined : taken.promise;
    },
  }).finally(() => {
    isOver = true;
    arrived.resolve();
  });
  reading.catch(() => undefined); // it is awaited below, or nobody asks any more
  try {
    for (;;) {
      await arrived.promise;
      const lines = waiting;
      waiting = [];
      arrived = Promise.withResolvers();
      taken.resolve();
      taken = Promise.withResolvers();
      yield* lines;
      if (isOver && waiting.length === 0) {
        break;
      }
      if (waiting.length > 0 || isOver) {
        arrived.resolve();
      }
    }
    await reading;
  } finally {
    stopped.abort();
    await reading.catch(() => undefined);
  }
}
