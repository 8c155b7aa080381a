import { Transform, type TransformCallback } from 'node:stream';
import {
  constants,
  crc32,
  createBrotliDecompress,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import { adler32 } from './adler32.ts';

/** A decompressor of Node; it counts the bytes that it has consumed. */
type Inner =
  | ReturnType<typeof createBrotliDecompress>
  | ReturnType<typeof createInflateRaw>
  | ReturnType<typeof createZstdDecompress>;

const NOTHING = Buffer.alloc(0);
const CUT = 'unexpected end of file';

/** What a decompressor may want behind the last block, or ignores. */
const NO_CHECKSUM = Buffer.alloc(4);

function lastBlockOf(...bytes: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from(bytes), NO_CHECKSUM]);
}
/** A header has a name, a comment and other fields, all of them optional. */
const MAX_HEADER_BYTES = 65_536;
/** Each costs a decompressor. Further ones need this many bytes each, on average. */
const FREE_MEMBERS = 1_000;
const MIN_MEMBER_BYTES = 64;

/**
 * Decodes a body of one or several members, as lenient as browsers and curl: a member that was
 * flushed but not ended is whole, and so is one without its trailer. One that ends in mid-block is
 * not. The decompressors of Node stop at the first member, in silence, or fail at what is behind
 * the last one, and need its end.
 *
 *     before ──header──▶ inside ──last block──▶ behind ──trailer──▶ before
 *        └─no header─▶ over: the rest is ignored
 */
abstract class MemberDecoder extends Transform {
  #inner: Inner | undefined;
  /** The beginning of a header or a trailer. */
  #held: Buffer = NOTHING;
  #state: 'before' | 'inside' | 'behind' | 'over' = 'before';
  #members = 0;
  #bytes = 0;

  /** @default unlimited. What is behind the last one is ignored */
  protected readonly maxMembers: number = Infinity;
  protected abstract createInner(): Inner;
  /**
   * The length of the header; undefined if it is not complete, -1 if this is no member.
   */
  protected abstract headerLength(bytes: Buffer): number | undefined;
  protected abstract readonly trailerLength: number;
  protected abstract isTrailerRight(trailer: Buffer): boolean;
  /** What a member lacks that was only flushed: an empty last block. Made by `lastBlockOf`. */
  protected abstract readonly lastBlock: Buffer;
  /** Whether the decompressor fails only at what is behind the last block. */
  protected isBehind(_error: NodeJS.ErrnoException): boolean {
    return false;
  }
  protected onOutput(_chunk: Buffer): void {}

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    this.#decode(bytes, callback);
  }

  override _flush(callback: TransformCallback): void {
    const inner = this.#inner;
    if (this.#state === 'inside' && inner !== undefined) {
      this.#close(inner, callback);
    } else {
      callback(this.#members === 0 ? new Error(CUT) : null);
    }
  }

  override _read(size: number): void {
    this.#inner?.resume();
    // oxlint-disable-next-line no-underscore-dangle -- the name that streams give it
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner?.destroy();
    callback(error);
  }

  #decode(bytes: Buffer, callback: TransformCallback): void {
    if (bytes.length === 0 || this.#state === 'over') {
      callback();
    } else if (this.#state === 'inside') {
      this.#inflate(bytes, callback);
    } else if (this.#state === 'behind') {
      this.#endMember(bytes, callback);
    } else {
      this.#startMember(bytes, callback);
    }
  }

  /**
   * Ends a member with an empty last block: between two blocks it ends so, and nothing comes out;
   * within one it does not.
   */
  #close(inner: Inner, callback: TransformCallback): void {
    if (inner.readableLength > 0) {
      inner.once('data', () => this.#close(inner, callback));
      return;
    }
    const before = inner.bytesWritten;
    const close = (isWhole: boolean): void => callback(isWhole ? null : new Error(CUT));
    inner.removeAllListeners('data');
    inner.removeAllListeners('error');
    inner.on('error', (error) => close(before > 0 && this.isBehind(error)));
    inner.once('data', () => {
      inner.destroy();
      close(false);
    });
    inner.once('end', () => {
      const used = inner.bytesWritten - before;
      // It has ended by itself, or with all of the block: garbage may look like an end as well.
      close(before > 0 && (used === 0 || used === this.lastBlock.length - NO_CHECKSUM.length));
    });
    inner.end(this.lastBlock);
    inner.resume();
  }

  #startMember(bytes: Buffer, callback: TransformCallback): void {
    const length = this.#members < this.maxMembers ? this.headerLength(bytes) : -1;
    if (length === undefined && bytes.length > MAX_HEADER_BYTES) {
      callback(new Error('the header is too long'));
    } else if (length === undefined) {
      this.#held = bytes;
      callback();
    } else if (length >= 0 && this.#isFlood()) {
      callback(new Error('there are too many small members'));
    } else if (length >= 0) {
      this.#members += 1;
      this.#state = 'inside';
      this.#inner = this.#open();
      this.#decode(bytes.subarray(length), callback);
    } else if (this.#members === 0) {
      callback(new Error('incorrect header check'));
    } else {
      this.#state = 'over';
      callback();
    }
  }

  #isFlood(): boolean {
    return this.#members >= FREE_MEMBERS + this.#bytes / MIN_MEMBER_BYTES;
  }

  #endMember(bytes: Buffer, callback: TransformCallback): void {
    if (bytes.length < this.trailerLength) {
      this.#held = bytes;
      callback();
    } else if (this.isTrailerRight(bytes.subarray(0, this.trailerLength))) {
      this.#state = 'before';
      this.#decode(bytes.subarray(this.trailerLength), callback);
    } else {
      callback(new Error('incorrect data check'));
    }
  }

  #open(): Inner {
    const inner = this.createInner();
    inner.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.onOutput(chunk);
      if (!this.push(chunk)) {
        inner.pause();
      }
    });
    inner.on('error', (error) => this.destroy(error));
    return inner;
  }

  #inflate(bytes: Buffer, callback: TransformCallback): void {
    const inner = this.#inner;
    if (inner === undefined) {
      return;
    }
    const before = inner.bytesWritten;
    inner.write(bytes, () => {
      const consumed = inner.bytesWritten - before;
      if (consumed === bytes.length) {
        callback();
        return;
      }
      // The member has ended, and Node ends the stream of its data.
      const goOn = () => {
        this.#state = 'behind';
        this.#decode(bytes.subarray(consumed), callback);
      };
      if (inner.readableEnded) {
        goOn();
      } else {
        inner.once('end', goOn);
      }
    });
  }
}

const GZIP = [0x1f, 0x8b, 8];
const FLAG_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
/** Stored, so that all its bytes are read before it ends. */
const LAST_BLOCK_OF_DEFLATE = lastBlockOf(1, 0, 0, 0xff, 0xff);

/** gzip (RFC 1952): a body is one or more members. */
export class GzipDecoder extends MemberDecoder {
  protected override readonly trailerLength = 8;
  protected override readonly lastBlock = LAST_BLOCK_OF_DEFLATE;
  #crc = 0;

  protected override createInner(): Inner {
    this.#crc = 0;
    return createInflateRaw();
  }

  protected override headerLength(bytes: Buffer): number | undefined {
    for (const [at, expected] of GZIP.entries()) {
      if (at < bytes.length && bytes[at] !== expected) {
        return -1;
      }
    }
    const flags = bytes[3] ?? 0;
    let length = 10;
    if ((flags & FLAG_EXTRA) !== 0) {
      length += 2 + (bytes[10] ?? 0) + 256 * (bytes[11] ?? 0);
    }
    for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
      if ((flags & flag) !== 0) {
        const end = bytes.indexOf(0, length);
        if (end === -1) {
          return undefined;
        }
        length = end + 1;
      }
    }
    length += (flags & FLAG_CRC) === 0 ? 0 : 2;
    return bytes.length < length ? undefined : length;
  }

  protected override isTrailerRight(trailer: Buffer): boolean {
    return trailer.readUInt32LE(0) === this.#crc;
  }

  protected override onOutput(chunk: Buffer): void {
    this.#crc = crc32(chunk, this.#crc);
  }
}

/** deflate: the standard says zlib (RFC 1950), but some servers send the raw form (RFC 1951). */
export class DeflateDecoder extends MemberDecoder {
  protected override readonly maxMembers = 1;
  protected override readonly lastBlock = LAST_BLOCK_OF_DEFLATE;
  /** Undefined until the first bytes are read. */
  #isZlib: boolean | undefined;
  #adler = 1;

  protected override get trailerLength(): number {
    return this.#isZlib === true ? 4 : 0;
  }

  protected override createInner(): Inner {
    return createInflateRaw();
  }

  protected override headerLength(bytes: Buffer): number | undefined {
    const [method, flags] = bytes;
    if (method === undefined || flags === undefined) {
      return undefined;
    }
    // Raw streams do not start so in practice.
    this.#isZlib = (method & 0x0f) === 8 && (256 * method + flags) % 31 === 0;
    return this.#isZlib ? 2 : 0;
  }

  protected override isTrailerRight(trailer: Buffer): boolean {
    return this.#isZlib !== true || trailer.readUInt32BE(0) === this.#adler;
  }

  protected override onOutput(chunk: Buffer): void {
    if (this.#isZlib === true) {
      this.#adler = adler32(chunk, this.#adler);
    }
  }
}

const LAST_BLOCK_OF_BROTLI = lastBlockOf(3);

/** br (RFC 7932): a body is one stream without a header. */
export class BrotliDecoder extends MemberDecoder {
  protected override readonly maxMembers = 1;
  protected override readonly trailerLength = 0;
  protected override readonly lastBlock = LAST_BLOCK_OF_BROTLI;

  protected override createInner(): Inner {
    return createBrotliDecompress();
  }

  protected override headerLength(): number {
    return 0;
  }

  protected override isTrailerRight(): boolean {
    return true;
  }
}

/**
 * 8 MiB, the largest window of `content-encoding: zstd` (RFC 9659); a frame may ask for 128 MiB.
 */
const ZSTD_WINDOW_LOG = 23;
const ZSTD_FRAME = 0x28;
const ZSTD_MAGIC_BYTES = 4;
const FIRST_SKIPPABLE = 0x50;
const LAST_SKIPPABLE = 0x5f;
/** A compressed one: behind a raw one the size that the frame announced is not checked. */
const LAST_BLOCK_OF_ZSTD = lastBlockOf(0x15, 0, 0, 0, 0);
/** At what is no frame, and at what is no checksum: there all blocks have been read. */
const BEHIND_BLOCKS = new Set(['ZSTD_error_prefix_unknown', 'ZSTD_error_checksum_wrong']);

/** zstd (RFC 8878): a body is one or more frames. */
export class ZstdDecoder extends MemberDecoder {
  protected override readonly trailerLength = 0;
  protected override readonly lastBlock = LAST_BLOCK_OF_ZSTD;

  protected override createInner(): Inner {
    return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } });
  }

  /** The decompressor reads the header. */
  protected override headerLength(bytes: Buffer): number | undefined {
    const [first = 0] = bytes;
    const isSkippable = first >= FIRST_SKIPPABLE && first <= LAST_SKIPPABLE;
    if (first !== ZSTD_FRAME && !isSkippable) {
      return -1;
    }
    return bytes.length < ZSTD_MAGIC_BYTES ? undefined : 0;
  }

  protected override isTrailerRight(): boolean {
    return true;
  }

  protected override isBehind({ code = '' }: NodeJS.ErrnoException): boolean {
    return BEHIND_BLOCKS.has(code);
  }
}
