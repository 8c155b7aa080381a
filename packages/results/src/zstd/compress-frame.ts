import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';

/** With a checksum, or a damaged frame could be read as something else. */
const FRAME = {
  params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: 3 },
  chunkSize: 128 * 1024,
};

/**
 * At most this many bytes are compressed at once: less than a millisecond. A thread would take five
 * times the CPU time for a flush of 20 kB, so it gets only more than this.
 */
const AT_ONCE_BYTES = 256 * 1024;

/** Compresses groups of chunks to one frame, in memory for a few of them. */
export async function compressFrame(
  groups: Iterable<readonly Uint8Array[]>,
  write: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const source = groups[Symbol.iterator]();
  const [first, second] = [source.next(), source.next()];
  const start: readonly Uint8Array[] = first.done === true ? [] : first.value;
  const bytes = start.reduce((sum, { length }) => sum + length, 0);
  if (second.done === true && bytes <= AT_ONCE_BYTES) {
    await write(zstdCompressSync(Buffer.concat(start), FRAME));
    return;
  }
  function* all(): Generator<Uint8Array> {
    yield* start;
    for (let next = second; next.done !== true; next = source.next()) {
      yield* next.value;
    }
  }
  await pipeline(all(), createZstdCompress(FRAME), async (frame: AsyncIterable<Buffer>) => {
    for await (const chunk of frame) {
      await write(chunk);
    }
  });
}
