import type { Socket } from 'node:net';
import { type AnswerHead, NO_STATUS_LINE, readHead } from './answer-head.ts';
import { AnswerInvalidError } from './errors.ts';

/** Some origins send 20 kB of policies with every answer; browsers accept 256 KiB. */
const MAX_HEAD_BYTES = 131_072;
/** Chunk sizes and line ends may take eight times as many bytes as the body, and this many more. */
const MAX_FRAMING_BYTES = 131_072;
const MAX_FRAMING_PER_BODY = 8;
/** For the parsers: what `AnswerReader` lets through is never too large for them. */
export const PARSER_HEAD_BYTES = 2 * MAX_HEAD_BYTES;
/** The size of a chunk with its extensions, or one line of a trailer. */
const MAX_LINE_BYTES = 16_384;

const HTTP = 'HTTP/1.';
const CHUNK_SIZE = /^[ \t]*([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const LINE_END = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const INVALID_CHUNK = Buffer.from('no size\r\n');
const NOTHING = Buffer.alloc(0);

/**
 * Lets an `AnswerReader` see the bytes of a connection before its transport does.
 *
 * @param isForHead whether its requests are HEAD: no body follows a head then
 */
export function readAnswersOf(socket: Socket, isForHead = false): void {
  const reader = new AnswerReader(socket, isForHead);
  socket.push = (chunk: Buffer | null) => reader.read(chunk);
}

/**
 * Puts the bytes of answers in order before a transport parses them. The parsers of got and undici
 * are strict, each in another way; after this both see the same plain answer. And it knows where an
 * answer ends: bytes behind its end never reach the next one.
 *
 *     idle ──first byte──▶ head ──▶ length, rest or chunk-size ◀──▶ chunk-data, chunk-end
 *      ▲                              │                  │
 *      ├──────────last byte───────────┘              trailers
 *      └─────────────────────────────────────────────────┘
 *
 * - `idle`: what arrives is an answer if a request was sent since the last one; otherwise nobody
 *   asked for it, and the connection ends
 * - `head`: the head is collected, and written again if it is odd; interim answers are dropped
 * - `length`, `rest`, `chunk-…`: the body passes; sizes of chunks are written again
 * - `trailers`: the body is whole; lines are dropped until the empty one
 * - `ended`: entered from every state; nothing more is read
 */
class AnswerReader {
  readonly #socket: Socket;
  readonly #push: (chunk: Buffer | null) => boolean;
  readonly #isForHead: boolean;
  #state:
    | 'idle'
    | 'head'
    | 'length'
    | 'rest'
    | 'chunk-size'
    | 'chunk-data'
    | 'chunk-end'
    | 'trailers'
    | 'ended' = 'idle';
  /** The beginning of a head or a line. */
  #held: Buffer = NOTHING;
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0;
  /** Of this answer: its interim heads, its chunk lines and trailers, and its body. */
  #headBytes = 0;
  #framingBytes = 0;
  #bodyBytes = 0;
  /** `bytesWritten` of the socket when the last answer ended: a request makes it larger. */
  #written = 0;

  constructor(socket: Socket, isForHead: boolean) {
    this.#socket = socket;
    this.#isForHead = isForHead;
    this.#push = socket.push.bind(socket);
  }

  /** @returns whether the socket should go on reading */
  read(chunk: Buffer | null): boolean {
    if (this.#state === 'ended') {
      return true;
    }
    if (chunk === null) {
      return this.#onEnd();
    }
    let rest = chunk;
    let goesOn = true;
    while (rest.length > 0) {
      if (this.#state === 'length' || this.#state === 'chunk-data' || this.#state === 'rest') {
        const size = this.#take(rest.length);
        this.#bodyBytes += size;
        goesOn = this.#push(rest.subarray(0, size));
        rest = rest.subarray(size);
      } else {
        rest = this.#readLine(rest);
      }
    }
    return goesOn;
  }

  /** Counts bytes of the body. The state changes first: `push` may run the transport. */
  #take(available: number): number {
    if (this.#state === 'rest') {
      return available;
    }
    const size = Math.min(available, this.#left);
    this.#left -= size;
    if (this.#left === 0 && this.#state === 'length') {
      this.#complete();
    } else if (this.#left === 0) {
      this.#state = 'chunk-end';
    }
    return size;
  }

  /** @returns what is behind the line or the head */
  #readLine(chunk: Buffer): Buffer {
    if (this.#state === 'idle' && this.#socket.bytesWritten === this.#written) {
      return this.#dropConnection();
    }
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    if (this.#state === 'idle' || this.#state === 'head') {
      this.#state = 'head';
      return this.#readHead(bytes);
    }
    const end = bytes.indexOf(LINE_FEED);
    if (end === -1) {
      return this.#hold(bytes, MAX_LINE_BYTES);
    }
    const isCrLf = bytes[end - 1] === CARRIAGE_RETURN;
    const line = bytes.toString('latin1', 0, isCrLf ? end - 1 : end);
    const isSmall = this.#countFraming(end + 1);
    const isRead = this.#state === 'trailers' ? this.#onTrailer(line) : this.#onChunkLine(line);
    return isRead && isSmall ? bytes.subarray(end + 1) : this.#refuseChunk();
  }

  /** @returns false if there is more framing than any honest server sends */
  #countFraming(bytes: number): boolean {
    this.#framingBytes += bytes;
    return this.#framingBytes <= MAX_FRAMING_BYTES + MAX_FRAMING_PER_BODY * this.#bodyBytes;
  }

  #readHead(bytes: Buffer): Buffer {
    const end = endOfHead(bytes);
    if (end === -1) {
      if (!mayBeHead(bytes)) {
        return this.#refuse(NO_STATUS_LINE);
      }
      return this.#hold(bytes, MAX_HEAD_BYTES);
    }
    const head = readHead(bytes.toString('latin1', 0, end));
    if (typeof head === 'string') {
      return this.#refuse(head);
    }
    if (head.status === 101) {
      return this.#refuse('the origin switched to another protocol unasked');
    }
    if (head.status >= 200) {
      return this.#startBody(head, bytes, end);
    }
    this.#headBytes += end;
    return this.#headBytes > MAX_HEAD_BYTES
      ? this.#refuse(`interim answers are larger than ${MAX_HEAD_BYTES} bytes`, 'HEADERS_TOO_LARGE')
      : bytes.subarray(end);
  }

  #startBody({ bytes, framing }: AnswerHead, received: Buffer, end: number): Buffer {
    if (this.#isForHead) {
      // A body that comes all the same is bytes that nobody asked for.
      this.#complete();
    } else if (framing.kind === 'length') {
      this.#left = framing.bytes;
      this.#state = 'length';
      if (bytes === undefined && received.length - end <= this.#left) {
        // The usual answer passes as it came, in one piece.
        this.#take(received.length - end);
        this.#push(received);
        return NOTHING;
      }
      this.#take(0);
    } else {
      this.#state = framing.kind === 'rest' ? 'rest' : 'chunk-size';
    }
    this.#push(bytes ?? received.subarray(0, end));
    return received.subarray(end);
  }

  #onChunkLine(line: string): boolean {
    if (this.#state === 'chunk-end') {
      this.#state = 'chunk-size';
      this.#push(LINE_END);
      return line === '';
    }
    const [, digits] = CHUNK_SIZE.exec(line) ?? [];
    if (digits === undefined) {
      return false;
    }
    this.#left = Number.parseInt(digits, 16);
    if (this.#left === 0) {
      this.#state = 'trailers';
    } else {
      this.#state = 'chunk-data';
      this.#push(Buffer.from(`${this.#left.toString(16)}\r\n`));
    }
    return true;
  }

  #onTrailer(line: string): boolean {
    if (line === '') {
      this.#complete();
      this.#push(LAST_CHUNK);
    }
    return true;
  }

  #complete(): void {
    this.#state = 'idle';
    this.#headBytes = 0;
    this.#framingBytes = 0;
    this.#bodyBytes = 0;
    this.#written = this.#socket.bytesWritten;
  }

  #hold(bytes: Buffer, maxBytes: number): Buffer {
    if (bytes.length > maxBytes) {
      const message = `the headers are larger than ${maxBytes} bytes`;
      return this.#state === 'head'
        ? this.#refuse(message, 'HEADERS_TOO_LARGE')
        : this.#refuseChunk();
    }
    this.#held = bytes;
    return NOTHING;
  }

  #refuse(message: string, code: AnswerInvalidError['code'] = 'RESPONSE_INVALID'): Buffer {
    this.#state = 'ended';
    this.#socket.destroy(new AnswerInvalidError(code, message));
    return NOTHING;
  }

  /** Lets the transport fail: it may not have read yet what came before. */
  #refuseChunk(): Buffer {
    this.#state = 'ended';
    this.#push(INVALID_CHUNK);
    return NOTHING;
  }

  /** Ends the connection behind a whole answer, which the transport may not have read yet. */
  #dropConnection(): Buffer {
    this.#state = 'ended';
    if (this.#socket.readableLength === 0) {
      this.#socket.destroy();
    } else {
      this.#push(null);
      this.#socket.read(0);
    }
    return NOTHING;
  }

  #onEnd(): boolean {
    if (this.#state === 'trailers') {
      this.#push(LAST_CHUNK);
    } else if (this.#state === 'head' && this.#held.length > 0) {
      // The transport fails: part of an answer is not the same as none.
      this.#push(this.#held);
    }
    this.#state = 'ended';
    return this.#push(null);
  }
}

/** Whether bytes may be the beginning of an answer: nothing is waited for otherwise. */
function mayBeHead(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, 64).replace(/^[\r\n]+/, '');
  return start.startsWith(HTTP) || HTTP.startsWith(start);
}

/** The position behind the empty line; -1 if it has not arrived. Blank lines may come first. */
function endOfHead(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === CARRIAGE_RETURN || bytes[at] === LINE_FEED) {
    at += 1;
  }
  for (at = bytes.indexOf(LINE_FEED, at); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) {
    if (bytes[at + 1] === LINE_FEED) {
      return at + 2;
    }
    if (bytes[at + 1] === CARRIAGE_RETURN && bytes[at + 2] === LINE_FEED) {
      return at + 3;
    }
  }
  return -1;
}
