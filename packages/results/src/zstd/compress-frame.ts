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

/** Compresses the chunks to one frame, in memory for a few of them. */
export async function compressFrame(
  chunks: Iterable<Buffer>,
  write: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const source = chunks[Symbol.iterator]();
  const [first, second] = [source.next(), source.next()];
  if (second.done === true && (first.value?.length ?? 0) <= AT_ONCE_BYTES) {
    await write(zstdCompressSync(first.value ?? '', FRAME));
    return;
  }
  function* all(): Generator<Buffer> {
    for (let next = first; next.done !== true; next = next === first ? second : source.next()) {
      yield next.value;
    }
  }
  await pipeline(all(), createZstdCompress(FRAME), async (frame: AsyncIterable<Buffer>) => {
    for await (const chunk of frame) {
      await write(chunk);
    }
  });
}
