import { Transform, type TransformCallback } from 'node:stream';
import { constants, crc32, createInflateRaw, createZstdDecompress } from 'node:zlib';

/** A decompressor of Node; it counts the bytes that it has consumed. */
type Inner = ReturnType<typeof createInflateRaw> | ReturnType<typeof createZstdDecompress>;

const NOTHING = Buffer.alloc(0);
/** A header has a name, a comment and other fields, all of them optional. */
const MAX_HEADER_BYTES = 65_536;
/** Each costs a decompressor. Further ones need this many bytes each, on average. */
const FREE_MEMBERS = 1_000;
const MIN_MEMBER_BYTES = 64;

/**
 * Decodes a body of several members, one after the other. Those of Node stop at the first member,
 * in silence, or fail at what is behind the last one.
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

  protected abstract createInner(): Inner;
  /**
   * The length of the header; undefined if it is not complete, -1 if this is no member.
   */
  protected abstract headerLength(bytes: Buffer): number | undefined;
  protected abstract readonly trailerLength: number;
  protected abstract isTrailerRight(trailer: Buffer): boolean;
  /** Whether a member that has no last block is whole for all that. */
  protected abstract mayEndOpen(): boolean;
  protected onOutput(_chunk: Buffer): void {}
  protected onInput(_chunk: Buffer): void {}

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    this.#decode(bytes, callback);
  }

  override _flush(callback: TransformCallback): void {
    const inner = this.#inner;
    if (this.#state === 'inside' && inner !== undefined && !this.mayEndOpen()) {
      inner.once('end', () => callback());
      inner.end();
    } else if (this.#members === 0) {
      callback(new Error('unexpected end of file'));
    } else {
      callback();
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

  #startMember(bytes: Buffer, callback: TransformCallback): void {
    const length = this.headerLength(bytes);
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
      this.onInput(bytes.subarray(0, consumed));
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
/** What a flush leaves behind: an empty block, after which everything before can be read. */
const FLUSH = 0x0000ffff;

/**
 * gzip (RFC 1952), as lenient as browsers and curl: a stream that was flushed but not ended is
 * whole, and so is one without its trailer. One that ends in mid-block is not.
 */
export class GzipDecoder extends MemberDecoder {
  protected override readonly trailerLength = 8;
  #crc = 0;
  #tail = 0xffffffff;

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

  protected override onInput(chunk: Buffer): void {
    for (const byte of chunk.subarray(-4)) {
      this.#tail = ((this.#tail << 8) | byte) >>> 0;
    }
  }

  protected override mayEndOpen(): boolean {
    return this.#tail === FLUSH;
  }
}

/**
 * 8 MiB, the largest window of `content-encoding: zstd` (RFC 9659); a frame may ask for 128 MiB.
 */
const ZSTD_WINDOW_LOG = 23;
const ZSTD_FRAME = 0x28;
const FIRST_SKIPPABLE = 0x50;
const LAST_SKIPPABLE = 0x5f;

/** zstd (RFC 8878): a body is one or more frames. */
export class ZstdDecoder extends MemberDecoder {
  protected override readonly trailerLength = 0;

  protected override createInner(): Inner {
    return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } });
  }

  /** The decompressor reads the header. */
  protected override headerLength([first = 0]: Buffer): number {
    const isSkippable = first >= FIRST_SKIPPABLE && first <= LAST_SKIPPABLE;
    return first === ZSTD_FRAME || isSkippable ? 0 : -1;
  }

  protected override isTrailerRight(): boolean {
    return true;
  }

  protected override mayEndOpen(): boolean {
    return false;
  }
}
