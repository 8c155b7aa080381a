import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AnswerHead } from './answer-head.ts';
import { AnswerReader, type AnswerSink, type ExpectedAnswers } from './answer-reader.ts';
import type { AnswerInvalidError } from '../connect/errors.ts';
import { WriteErrors } from './write-errors.ts';

const LINE_END = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const INVALID_CHUNK = Buffer.from('no size\r\n');

const ANSWERS = new WeakMap<Duplex, PlainAnswers>();

/** Lets the parser of Node see plain answers, whatever arrives on a connection. */
export function makeAnswersPlain(socket: Socket, expected: ExpectedAnswers): void {
  const answers = new PlainAnswers(socket, expected);
  socket.push = (chunk: Buffer | null) => answers.read(chunk);
  ANSWERS.set(socket, answers);
}

/** Whether a part of the head of an answer has arrived on such a connection, and not all of it. */
export function isInHead(socket: Duplex): boolean {
  return ANSWERS.get(socket)?.isInHead === true;
}

/** Writes the answers of a connection again, as a strict parser wants them. */
class PlainAnswers implements AnswerSink {
  readonly #socket: Socket;
  readonly #push: (chunk: Buffer | null) => boolean;
  readonly #reader: AnswerReader;
  readonly #writeErrors: WriteErrors;
  #goesOn = true;
  /** Whether the parser has seen the head of an answer and not its end. */
  #isInBody = false;
  #isInChunks = false;
  #hasEnded = false;
  /** `bytesWritten` of the socket before the end of the last answer: a request makes it larger. */
  #written = 0;

  constructor(socket: Socket, expected: ExpectedAnswers) {
    this.#socket = socket;
    this.#push = socket.push.bind(socket);
    this.#writeErrors = new WriteErrors(socket);
    this.#reader = new AnswerReader(this, expected);
  }

  get isInHead(): boolean {
    return this.#reader.isInHead;
  }

  /** @returns whether the socket should go on reading */
  read(chunk: Buffer | null): boolean {
    if (this.#hasEnded) {
      return true;
    }
    this.#goesOn = true;
    if (chunk !== null) {
      this.#reader.read(chunk);
      return this.#goesOn;
    }
    this.#hasEnded = true;
    this.#reader.end();
    return this.#push(null);
  }

  isAsked(): boolean {
    return this.#socket.bytesWritten !== this.#written;
  }

  onHead({ text, framing }: AnswerHead): void {
    this.#isInBody = true;
    this.#isInChunks = framing.kind === 'chunks';
    this.#pass(Buffer.from(text, 'latin1'));
  }

  onBody(bytes: Buffer): void {
    if (this.#isInChunks) {
      this.#pass(Buffer.from(`${bytes.length.toString(16)}\r\n`));
    }
    this.#pass(bytes);
    if (this.#isInChunks) {
      this.#pass(LINE_END);
    }
  }

  onEnd(isLast: boolean): void {
    this.#isInBody = false;
    if (this.#isInChunks) {
      this.#pass(LAST_CHUNK);
    }
    if ((isLast || this.#writeErrors.isClosed) && !this.#hasEnded) {
      this.onUnasked();
    }
  }

  /** Ends the connection behind a whole answer, which the parser may not have read yet. */
  onUnasked(): void {
    this.#hasEnded = true;
    if (this.#socket.readableLength === 0) {
      this.#socket.destroy();
    } else {
      this.#push(null);
      this.#socket.read(0);
    }
  }

  onInvalid(error: AnswerInvalidError): void {
    this.#hasEnded = true;
    if (this.#isInBody) {
      // The parser fails: it may not have read yet what came before.
      this.#push(INVALID_CHUNK);
    } else {
      this.#socket.destroy(error);
    }
  }

  /** The next request may be written while the parser reads the last bytes of an answer. */
  #pass(bytes: Buffer): void {
    this.#written = this.#socket.bytesWritten;
    this.#goesOn = this.#push(bytes);
  }
}
