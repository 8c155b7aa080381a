import type { FileHandle } from 'node:fs/promises';

/*
 * Where frames of zstd begin and end (RFC 8878), without decompressing them: node:zlib reads the
 * first frame of a file and does not say where it ends.
 *
 *     magic  descriptor  window?  dictionary?  size?  block … block  checksum
 *       4        1        0–1        0–4        0–8    3 + n             4      bytes
 */
const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];
/** Magic and descriptor, or the longest rest of a header. */
const HEAD_BYTES = 18;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const MAX_BLOCK_BYTES = 128 * 1024;
const RUN = 1;
const RESERVED = 3;

const WINDOW_BYTES = 1024 * 1024;

/** The bytes of a file around the place that is looked at. */
export class FileWindow {
  readonly size: number;
  readonly #file: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(WINDOW_BYTES);
  #start = 0;
  #length = 0;

  /** @param size the bytes from here on are not looked at */
  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** At most 1 MiB, valid until the next call. Shorter at the end of the file. */
  async read(position: number, length: number): Promise<Buffer> {
    const end = Math.min(position + length, this.size);
    if (position < this.#start || end > this.#start + this.#length) {
      await this.#fill(position);
    }
    return this.#buffer.subarray(position - this.#start, Math.max(position, end) - this.#start);
  }

  async #fill(position: number): Promise<void> {
    const wanted = Math.max(0, Math.min(WINDOW_BYTES, this.size - position));
    this.#start = position;
    this.#length = 0;
    while (this.#length < wanted) {
      const at = position + this.#length;
      const left = wanted - this.#length;
      const { bytesRead } = await this.#file.read(this.#buffer, this.#length, left, at);
      if (bytesRead === 0) {
        // It became shorter: zeros are no frame.
        this.#buffer.fill(0, this.#length, wanted);
        this.#length = wanted;
      }
      this.#length += bytesRead;
    }
  }
}

/**
 * The end of the frame that begins at `start`; undefined if none begins there, if it has no
 * checksum, or if it does not end in the file. What is between may still be damaged.
 */
export async function findFrameEnd(window: FileWindow, start: number): Promise<number | undefined> {
  const head = await window.read(start, HEAD_BYTES);
  const descriptor = head[MAGIC.length];
  if (descriptor === undefined || !head.subarray(0, MAGIC.length).equals(MAGIC)) {
    return undefined;
  }
  const hasChecksum = (descriptor & 0b100) !== 0;
  if (!hasChecksum) {
    return undefined;
  }
  let at = start + MAGIC.length + 1 + restOfHeader(descriptor);
  for (;;) {
    const bytes = await window.read(at, BLOCK_HEADER_BYTES);
    if (bytes.length < BLOCK_HEADER_BYTES) {
      return undefined;
    }
    const header = bytes.readUIntLE(0, BLOCK_HEADER_BYTES);
    const kind = (header >> 1) & 0b11;
    const length = header >> 3;
    if (kind === RESERVED || length > MAX_BLOCK_BYTES) {
      return undefined;
    }
    at += BLOCK_HEADER_BYTES + (kind === RUN ? 1 : length);
    if ((header & 1) === 1) {
      const end = at + CHECKSUM_BYTES;
      return end <= window.size ? end : undefined;
    }
  }
}

/** How many bytes of the header follow its descriptor. */
function restOfHeader(descriptor: number): number {
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  const sizeBytes = SIZE_BYTES[descriptor >> 6] ?? 0;
  return (
    (isSingleSegment ? 0 : 1) +
    (DICTIONARY_BYTES[descriptor & 0b11] ?? 0) +
    (isSingleSegment && sizeBytes === 0 ? 1 : sizeBytes)
  );
}

/** Where something begins like a frame, at `from` or behind it; the size of the file if nowhere. */
export async function findMagic(
  window: FileWindow,
  from: number,
  signal?: AbortSignal,
): Promise<number> {
  const step = WINDOW_BYTES - MAGIC.length;
  for (let at = from; at < window.size; at += step) {
    signal?.throwIfAborted();
    const found = (await window.read(at, WINDOW_BYTES)).indexOf(MAGIC);
    if (found >= 0) {
      return at + found;
    }
  }
  return window.size;
}
