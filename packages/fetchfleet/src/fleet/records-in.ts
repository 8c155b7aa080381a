import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { readLines, type ReadOptions } from '@fetchfleet/results';

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
  const lines = new PassThrough({ objectMode: true });
  const reading = readLines({
    ...options,
    signal: AbortSignal.any(signals),
    onLine: (line) => (lines.write(line.toString()) ? undefined : drained(lines)),
  }).then(
    () => void lines.end(),
    (error: Error) => void lines.destroy(error),
  );
  try {
    yield* lines as AsyncIterable<string>;
  } finally {
    stopped.abort();
    await reading;
  }
}

async function drained(lines: PassThrough): Promise<void> {
  await once(lines, 'drain');
}
