import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { codeOf } from '@fetchfleet/crawl';
import { systemErrorCode } from '../folder/errors.ts';
import { FileWindow, findFrameEnd, findMagic } from './frames.ts';

/** Frames of at most this size are decompressed at once: those of most flushes. */
const SMALL_FRAME_BYTES = 512 * 1024;
const SMALL_CONTENT_BYTES = 16 * 1024 * 1024;
const WRITE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface ExpandOptions {
  readonly source: FileHandle;
  /** Of the source, in bytes. What was appended later is left out. */
  readonly size: number;
  readonly target: FileHandle;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of the source that were read since the last call. */
  readonly onProgress: (bytes: number) => void;
  /** Called before bytes are written; what it throws ends the copy. */
  readonly onWrite?: (bytes: number) => void;
  /** The error of a write to the target, in words. */
  readonly explain: (error: unknown) => Error;
}

/**
 * Writes the lines of a compressed part. A frame that is torn or damaged is left out: in place of
 * it, and of what follows up to the next frame, there is one line that every reader counts as torn.
 * Frames have checksums, so no other line is made of damage.
 *
 * @returns whether nothing was left out
 */
export async function expandPart(options: ExpandOptions): Promise<boolean> {
  const { source, size, signal, onProgress } = options;
  const window = new FileWindow(source, size);
  const output = new Output(options);
  let isWhole = true;
  let isDamaged = false;
  for (let at = 0; at < size;) {
    signal?.throwIfAborted();
    const end = await findFrameEnd(window, at);
    const isRead = end !== undefined && (await copyFrame(options, { window, output, at, end }));
    if (!isRead && !isDamaged) {
      await output.add(Buffer.from(`damaged: frame at byte ${at}\n`));
    }
    isDamaged = !isRead;
    isWhole &&= isRead;
    const next = isRead ? end : await findMagic(window, at + 1, signal);
    onProgress(next - at);
    at = next;
  }
  await output.flush();
  return isWhole;
}

interface Frame {
  readonly window: FileWindow;
  readonly output: Output;
  readonly at: number;
  readonly end: number;
}

/** @returns false if the frame is damaged; then nothing of it is written */
async function copyFrame(options: ExpandOptions, frame: Frame): Promise<boolean> {
  const { window, output, at, end } = frame;
  if (end - at > SMALL_FRAME_BYTES) {
    return streamFrame(options, frame);
  }
  const data = await window.read(at, end - at);
  let content: Buffer;
  try {
    content = zstdDecompressSync(data, { maxOutputLength: SMALL_CONTENT_BYTES });
  } catch (error) {
    return codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? streamFrame(options, frame) : false;
  }
  await output.add(content);
  return true;
}

/** In memory for a few chunks. */
async function streamFrame(
  { source, signal }: ExpandOptions,
  { output, at, end }: Frame,
): Promise<boolean> {
  await output.flush();
  const start = output.position;
  try {
    await pipeline(
      source.createReadStream({ start: at, end: end - 1, autoClose: false }),
      createZstdDecompress(),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          await output.add(chunk, { isWhole: false });
        }
      },
      ...(signal === undefined ? [] : [{ signal }]),
    );
    await output.endLine();
    return true;
  } catch (error) {
    signal?.throwIfAborted();
    if (!isDamage(error)) {
      throw error;
    }
    await output.cutBack(start);
    return false;
  }
}

/** What zlib says of bytes that are no frame, or only half of one. */
function isDamage(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return (
    systemErrorCode(error) === undefined && (code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR')
  );
}

/** Gathers what is written, as most frames are small. */
class Output {
  readonly #options: Pick<ExpandOptions, 'target' | 'explain' | 'onWrite'>;
  #chunks: Buffer[] = [];
  #gathered = 0;
  #written = 0;
  #lastByte = NEWLINE;

  constructor(options: Pick<ExpandOptions, 'target' | 'explain' | 'onWrite'>) {
    this.#options = options;
  }

  /** Bytes that are in the file. */
  get position(): number {
    return this.#written;
  }

  /** @param options.isWhole whether the last line ends with the chunk. @default true */
  async add(chunk: Buffer, { isWhole = true }: { readonly isWhole?: boolean } = {}): Promise<void> {
    this.#chunks.push(chunk);
    this.#gathered += chunk.length;
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
    if (isWhole) {
      this.#gatherLineEnd();
    }
    if (this.#gathered >= WRITE_BYTES) {
      await this.flush();
    }
  }

  /** A frame ends with a line: what follows must not become a part of it. */
  async endLine(): Promise<void> {
    this.#gatherLineEnd();
    await this.flush();
  }

  async flush(): Promise<void> {
    const chunks = this.#chunks;
    this.#options.onWrite?.(this.#gathered);
    this.#chunks = [];
    this.#gathered = 0;
    await this.#explained(async (target) => {
      const data =
        chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      for (let done = 0; done < data.length;) {
        const { bytesWritten } = await target.write(data, done, data.length - done, this.#written);
        done += bytesWritten;
        this.#written += bytesWritten;
      }
    });
  }

  /** Takes back what was added since the file had this length. */
  async cutBack(length: number): Promise<void> {
    this.#chunks = [];
    this.#gathered = 0;
    this.#lastByte = NEWLINE;
    this.#written = length;
    await this.#explained(async (target) => target.truncate(length));
  }

  #gatherLineEnd(): void {
    if (this.#lastByte !== NEWLINE) {
      this.#chunks.push(Buffer.from('\n'));
      this.#gathered += 1;
      this.#lastByte = NEWLINE;
    }
  }

  async #explained(work: (target: FileHandle) => Promise<void>): Promise<void> {
    try {
      await work(this.#options.target);
    } catch (error) {
      throw this.#options.explain(error);
    }
  }
}
