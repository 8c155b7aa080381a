import { type AnswerHead, NO_STATUS_LINE, readHead } from './answer-head.ts';
import { AnswerInvalidError } from '../connect/errors.ts';

/** Some origins send 20 kB of policies with every answer; browsers accept 256 KiB. */
const MAX_HEAD_BYTES = 131_072;
/** Chunk sizes and line ends may take eight times as many bytes as the body, and this many more. */
const MAX_FRAMING_BYTES = 131_072;
const MAX_FRAMING_PER_BODY = 8;
/** For the parser of Node: what `AnswerReader` lets through is never too large for it. */
export const PARSER_HEAD_BYTES = 2 * MAX_HEAD_BYTES;
/** The size of a chunk with its extensions, or one line of a trailer. */
const MAX_LINE_BYTES = 16_384;

const HTTP = 'HTTP/';
const CHUNK_SIZE = /^[ \t]*0*([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i;
const KEPT = /\n(?:proxy-)?connection:[ \t]*keep-alive[ \t]*\r?\n/i;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const NOTHING = Buffer.alloc(0);

/** Is told of the answers of a connection by an `AnswerReader`. */
export interface AnswerSink {
  /** Whether an answer may come: a request was sent since the last one. */
  isAsked(): boolean;
  /** The head of the answer itself; interim answers are left out. */
  onHead(head: AnswerHead): void;
  /** A part of the body, valid during the call. */
  onBody(bytes: Buffer): void;
  /** @param isLast whether nothing can follow on the connection */
  onEnd(isLast: boolean): void;
  /** Bytes came that nobody asked for. Final. */
  onUnasked(): void;
  /** What came is no answer. Final. */
  onInvalid(error: AnswerInvalidError): void;
}

/** What is known of the answers of a connection before they come. */
export interface ExpectedAnswers {
  /** Whether its requests are HEAD: no body follows a head then. @default false */
  readonly isForHead?: boolean | undefined;
  /** Whether a proxy answers in place of the origin. @default false */
  readonly isFromProxy?: boolean;
}

/**
 * Reads the answers of a connection. It knows where an answer ends: bytes behind its end never
 * reach the next one. Both transports use it, because a parser that is strict refuses answers that
 * browsers accept, each in another way.
 *
 *     idle ──first byte──▶ head ──▶ length, rest or chunk-size ◀──▶ chunk-data, chunk-end
 *      ▲                              │                  │
 *      ├──────────last byte───────────┘              trailers
 *      └─────────────────────────────────────────────────┘
 *
 * - `idle`: what arrives is an answer if one is due; otherwise nobody asked for it
 * - `head`: the head is collected; interim answers are dropped
 * - `length`, `rest`, `chunk-…`: the body passes
 * - `trailers`: the body is whole; lines are dropped until the empty one
 * - `ended`: entered from every state; nothing more is read
 */
export class AnswerReader {
  readonly #sink: AnswerSink;
  readonly #isForHead: boolean;
  readonly #isFromProxy: boolean;
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
  /** Begins with the beginning of a head or a line, and has room for more of it. */
  #held: Buffer = NOTHING;
  #heldBytes = 0;
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0;
  #isInHead = false;
  /** Whether the last byte of an answer was read, which its sink does not know yet. */
  #isWhole = false;
  /** Of this answer: its interim heads and blank lines, its chunk lines and trailers, its body. */
  #headBytes = 0;
  #framingBytes = 0;
  #bodyBytes = 0;

  constructor(sink: AnswerSink, { isForHead = false, isFromProxy = false }: ExpectedAnswers) {
    this.#sink = sink;
    this.#isForHead = isForHead;
    this.#isFromProxy = isFromProxy;
  }

  /** Whether an answer has begun whose head is not whole. It stays so when nothing more is read. */
  get isInHead(): boolean {
    return this.#isInHead;
  }

  /** Whether the next byte belongs to a body of an announced length. */
  get isInBody(): boolean {
    return this.#state === 'length';
  }

  /** @param chunk may be overwritten after the call */
  read(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.#state !== 'ended') {
      if (this.#state === 'length' || this.#state === 'chunk-data' || this.#state === 'rest') {
        const bytes = this.#take(rest);
        rest = rest.subarray(bytes.length);
        this.#sink.onBody(bytes);
      } else {
        rest = this.#readLine(rest);
      }
      if (this.#isWhole) {
        this.#end(rest.length > 0);
      }
    }
  }

  /** Tells that the connection has ended. An answer that ends with it is whole then. */
  end(): void {
    const isWhole = this.#state === 'rest' || this.#state === 'trailers';
    this.#state = 'ended';
    if (isWhole) {
      this.#sink.onEnd(true);
    }
  }

  /** Reads nothing more. */
  stop(): void {
    this.#state = 'ended';
  }

  /** The bytes that belong to the body. */
  #take(available: Buffer): Buffer {
    const isRest = this.#state === 'rest';
    const size = isRest ? available.length : Math.min(available.length, this.#left);
    this.#bodyBytes += size;
    this.#left -= size;
    if (!isRest && this.#left === 0) {
      if (this.#state === 'chunk-data') {
        this.#state = 'chunk-end';
      } else {
        this.#isWhole = true;
      }
    }
    return size === available.length ? available : available.subarray(0, size);
  }

  /** @returns what is behind the line or the head */
  #readLine(chunk: Buffer): Buffer {
    if (this.#state === 'idle') {
      if (!this.#sink.isAsked()) {
        this.#state = 'ended';
        this.#sink.onUnasked();
        return NOTHING;
      }
      this.#state = 'head';
      this.#isInHead = true;
    }
    const isHead = this.#state === 'head';
    const arrived = isHead && this.#heldBytes === 0 ? this.#skipBlankLines(chunk) : chunk;
    const searched = this.#heldBytes;
    const bytes = searched === 0 ? arrived : this.#append(arrived);
    const end = isHead ? endOfHead(bytes, searched) : bytes.indexOf(LINE_FEED, searched) + 1;
    if (end === 0) {
      if (isHead) {
        this.#holdHead(bytes);
      } else {
        this.#holdLine(bytes);
      }
      return NOTHING;
    }
    this.#held = NOTHING;
    this.#heldBytes = 0;
    if (isHead) {
      this.#onHead(bytes, end);
    } else {
      this.#onLine(bytes, end);
    }
    return arrived.subarray(end - searched);
  }

  #skipBlankLines(chunk: Buffer): Buffer {
    let at = 0;
    while (chunk[at] === CARRIAGE_RETURN || chunk[at] === LINE_FEED) {
      at += 1;
    }
    this.#headBytes += at;
    return at === 0 ? chunk : chunk.subarray(at);
  }

  /**
   * The room is doubled: copying all of it for each arrival would cost the square of a head that
   * comes byte by byte.
   *
   * @returns all that is held
   */
  #append(bytes: Buffer): Buffer {
    const size = this.#heldBytes + bytes.length;
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(size, 2 * this.#held.length));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes);
    this.#heldBytes = size;
    return this.#held.subarray(0, size);
  }

  #onLine(bytes: Buffer, end: number): void {
    const isCrLf = bytes[end - 2] === CARRIAGE_RETURN;
    const line = bytes.toString('latin1', 0, isCrLf ? end - 2 : end - 1);
    const isSmall = this.#countFraming(end);
    const isRead = this.#state === 'trailers' ? this.#onTrailer(line) : this.#onChunkLine(line);
    if (!isRead || !isSmall) {
      this.#refuseChunk();
    }
  }

  /** @returns false if there is more framing than any honest server sends */
  #countFraming(bytes: number): boolean {
    this.#framingBytes += bytes;
    return this.#framingBytes <= MAX_FRAMING_BYTES + MAX_FRAMING_PER_BODY * this.#bodyBytes;
  }

  #onHead(bytes: Buffer, end: number): void {
    const text = bytes.toString('latin1', 0, end);
    const head = readHead(this.#isFromProxy ? closedUnlessKept(text) : text);
    if (typeof head === 'string') {
      this.#refuse(head);
    } else if (head.status === 101) {
      this.#refuse('the origin switched to another protocol unasked');
    } else if (head.status >= 200) {
      this.#startBody(head);
    } else {
      this.#headBytes += end;
      if (this.#headBytes > MAX_HEAD_BYTES) {
        this.#refuseLarge('interim answers');
      }
    }
  }

  /** The state changes first: the sink may stop the reader. */
  #startBody(head: AnswerHead): void {
    const { framing } = head;
    this.#isInHead = false;
    if (this.#isForHead) {
      // A body that comes all the same is bytes that nobody asked for.
      this.#isWhole = true;
    } else if (framing.kind === 'length') {
      this.#left = framing.bytes;
      this.#isWhole = framing.bytes === 0;
      this.#state = 'length';
    } else {
      this.#state = framing.kind === 'rest' ? 'rest' : 'chunk-size';
    }
    this.#sink.onHead(head);
  }

  #onChunkLine(line: string): boolean {
    if (this.#state === 'chunk-end') {
      this.#state = 'chunk-size';
      return line === '';
    }
    const [, digits] = CHUNK_SIZE.exec(line) ?? [];
    if (digits === undefined) {
      return false;
    }
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk-data';
    return true;
  }

  #onTrailer(line: string): boolean {
    this.#isWhole = line === '';
    return true;
  }

  /** @param isSpoiled whether bytes follow that nobody asked for */
  #end(isSpoiled: boolean): void {
    this.#isWhole = false;
    if (this.#state === 'ended') {
      return;
    }
    this.#state = isSpoiled ? 'ended' : 'idle';
    this.#headBytes = 0;
    this.#framingBytes = 0;
    this.#bodyBytes = 0;
    this.#sink.onEnd(isSpoiled);
  }

  #holdHead(bytes: Buffer): void {
    if (!mayBeHead(bytes)) {
      this.#refuse(NO_STATUS_LINE);
    } else if (Math.max(bytes.length, this.#headBytes) > MAX_HEAD_BYTES) {
      this.#refuseLarge('the headers');
    } else {
      this.#hold(bytes);
    }
  }

  #holdLine(bytes: Buffer): void {
    if (bytes.length > MAX_LINE_BYTES) {
      this.#refuseChunk();
    } else {
      this.#hold(bytes);
    }
  }

  #hold(bytes: Buffer): void {
    if (this.#heldBytes === 0) {
      this.#append(bytes);
    }
  }

  #refuseChunk(): void {
    this.#refuse('a chunk of the body has no valid size');
  }

  #refuseLarge(what: string): void {
    this.#refuse(`${what} are larger than ${MAX_HEAD_BYTES} bytes`, 'HEADERS_TOO_LARGE');
  }

  #refuse(message: string, code: AnswerInvalidError['code'] = 'RESPONSE_INVALID'): void {
    this.#state = 'ended';
    this.#sink.onInvalid(new AnswerInvalidError(code, message));
  }
}

/**
 * An answer of a proxy. Some proxies close a connection without a word, so that the next request
 * would be lost: it is used again only if the proxy says that it stays open.
 */
function closedUnlessKept(head: string): string {
  // The blank makes the head an odd one, which is written again.
  return KEPT.test(head) ? head : head.replace(/\r?\n\r?\n$/, '\r\nconnection : close\r\n\r\n');
}

/** Whether bytes may be the beginning of an answer: nothing is waited for otherwise. */
function mayBeHead(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, HTTP.length);
  return HTTP.startsWith(start.toUpperCase());
}

/**
 * The position behind the empty line; 0 if it has not arrived.
 *
 * @param searched how many of the bytes were there at the last search. An empty line may begin with
 * the last two of them
 */
function endOfHead(bytes: Buffer, searched: number): number {
  let at = bytes.indexOf(LINE_FEED, Math.max(0, searched - 2));
  while (at !== -1) {
    if (bytes[at + 1] === LINE_FEED) {
      return at + 2;
    }
    if (bytes[at + 1] === CARRIAGE_RETURN && bytes[at + 2] === LINE_FEED) {
      return at + 3;
    }
    at = bytes.indexOf(LINE_FEED, at + 1);
  }
  return 0;
}
