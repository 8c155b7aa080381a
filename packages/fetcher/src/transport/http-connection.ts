import { Socket } from 'node:net';
import { connect as startTls } from 'node:tls';
import type { Method } from '@fetchfleet/crawl';
import { connect, type Connecting } from '../connect/connect.ts';
import { type AnswerInvalidError, ConnectionClosedError } from '../connect/errors.ts';
import { serverNameOf } from '../connect/tls-options.ts';
import type { AnswerHead } from './answer-head.ts';
import { isKeptAlive, readHeaders } from './answer-headers.ts';
import { AnswerReader, type AnswerSink } from './answer-reader.ts';
import { idleTimeMs } from './idle-time.ts';
import type { TlsSessions } from './tls-sessions.ts';
import type { ConnectOptions, ResponseHandler } from './transport.ts';
import { WriteErrors } from './write-errors.ts';

/**
 * What is read from sockets first arrives here. One is enough for all of them: it is read before
 * another socket is.
 */
const ARRIVALS = Buffer.allocUnsafeSlow(65_536);

/** A request as a connection carries it. */
export interface CarriedRequest extends Pick<
  ResponseHandler,
  'onHeaders' | 'bodySpace' | 'onData'
> {
  readonly method: Method;
  /** Its head as Latin-1. */
  readonly head: string;
  readonly body: Buffer | undefined;
  /** Called when the connection is ready. @returns whether it is to be sent */
  onReady(): boolean;
  /** Final. @param idleMs how long the connection may be kept; 0 if it is of no more use */
  onEnd(idleMs: number): void;
  /** Final: the connection is of no more use. */
  onError(error: Error): void;
}

export interface HttpConnectionOptions {
  readonly connect: ConnectOptions;
  readonly sessions: TlsSessions;
  /** An origin: scheme, host and port. */
  readonly origin: URL;
  /** The `host` header of its requests, if it names another host. */
  readonly hostHeader: string | undefined;
  /** Whether its only request is HEAD. */
  readonly isForHead: boolean;
  /** Called once when it has closed while no request used it. */
  readonly onClosed: () => void;
}

/**
 * An HTTP/1.1 connection to an origin or a proxy. It carries one request after the other:
 *
 *     connecting ──▶ ready ──send──▶ carrying ──last byte──▶ ready
 *          └───────────┴────────────────┴──error, end, close()──▶ over
 *
 * A request that is sent while it is connecting waits. Nothing is sent twice.
 */
export class HttpConnection implements AnswerSink {
  readonly #options: HttpConnectionOptions;
  readonly #reader: AnswerReader;
  readonly #connecting: Connecting;
  /** Whether its socket is one of `#createSocket`. */
  readonly #readsInPlace: boolean;
  #socket: Socket | undefined;
  #writeErrors: WriteErrors | undefined;
  #isReady = false;
  #isUsed = false;
  #isOver = false;
  #request: CarriedRequest | undefined;
  /** Why it has closed, if it was an error. */
  #error: Error | undefined;
  #isPaused = false;
  /** What the answer says of the time behind it, in ms. */
  #idleMs = 0;

  constructor(options: HttpConnectionOptions) {
    const { origin, isForHead } = options;
    const { proxy } = options.connect;
    const isTls = origin.protocol === 'https:';
    this.#options = options;
    this.#reader = new AnswerReader(this, {
      isForHead,
      isFromProxy: proxy !== undefined && !isTls,
    });
    this.#readsInPlace = !isTls && proxy === undefined;
    const target = {
      host: origin.hostname,
      port: Number(origin.port) || (isTls ? 443 : 80),
      isTls,
      ...(this.#readsInPlace && { createSocket: () => this.#createSocket() }),
    };
    this.#connecting = connect(target, options.connect, {
      onConnected: (tcp) => (isTls ? this.#startTls(tcp) : this.#onReady(tcp)),
      onFailed: (error) => this.#onOver(error),
    });
  }

  /** Whether a request can be sent. The event that says so may still be on its way. */
  get isUsable(): boolean {
    return !this.#isOver && (this.#socket === undefined || this.#socket.writable);
  }

  /** Whether a part of the head of an answer has arrived, and not all of it. */
  get isInHead(): boolean {
    return this.#reader.isInHead;
  }

  /** Whether a request was sent over it. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  send(request: CarriedRequest): void {
    this.#request = request;
    if (this.#isReady) {
      this.#start();
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket?.resume();
  }

  /** Ends it, and the request that it carries without an event. Idempotent. */
  close(): void {
    this.#isOver = true;
    this.#request = undefined;
    this.#reader.stop();
    this.#connecting.abort();
    this.#socket?.destroy();
  }

  isAsked(): boolean {
    return this.#request !== undefined;
  }

  onHead({ status, text }: AnswerHead): void {
    const { headers, cookies } = readHeaders(text);
    this.#idleMs = isKeptAlive(text, headers) ? idleTimeMs(headers['keep-alive']) : 0;
    this.#request?.onHeaders(status, headers, cookies);
  }

  onBody(bytes: Buffer): void {
    const request = this.#request;
    if (request === undefined) {
      return;
    }
    if (bytes.buffer !== ARRIVALS.buffer) {
      request.onData(bytes);
      return;
    }
    const space = request.bodySpace();
    if (space !== undefined && space.length >= bytes.length) {
      bytes.copy(space);
      request.onData(space.subarray(0, bytes.length));
    } else {
      request.onData(Buffer.from(bytes));
    }
  }

  onEnd(isLast: boolean): void {
    const request = this.#request;
    const socket = this.#socket;
    this.#request = undefined;
    if (this.#isPaused) {
      this.resume();
    }
    // An origin that has answered early may never read the rest of a large body. `writableLength`
    // says nothing: over TLS it falls one turn of the event loop after all has been sent.
    const isOpen = !isLast && socket?.writable === true && this.#writeErrors?.isClosed === false;
    const isUsable = isOpen && !socket.writableNeedDrain;
    request?.onEnd(isUsable && request.method !== 'HEAD' ? this.#idleMs : 0);
  }

  onUnasked(): void {
    this.#socket?.destroy();
  }

  onInvalid(error: AnswerInvalidError): void {
    this.#socket?.destroy(error);
  }

  /** Of an origin without TLS. Large bodies are read where they belong. */
  #createSocket(): Socket {
    let memory: Buffer = ARRIVALS;
    const socket: Socket = new Socket({
      onread: {
        buffer: () => {
          const isInBody = socket === this.#socket && this.#reader.isInBody;
          memory = (isInBody ? this.#request?.bodySpace() : undefined) ?? ARRIVALS;
          return memory;
        },
        callback: (size) => {
          if (socket === this.#socket) {
            this.#reader.read(memory.subarray(0, size));
          }
          return true;
        },
      },
    });
    return socket;
  }

  #startTls(tcp: Socket): void {
    const { origin, hostHeader, sessions, connect: options } = this.#options;
    const host = withoutBrackets(origin.hostname);
    const name = hostHeader === undefined ? host : hostOf(hostHeader);
    const key = `${name} ${origin.host}`;
    const socket = startTls({
      ...options.tls,
      socket: tcp,
      host,
      servername: serverNameOf(name),
      session: sessions.get(key),
      ALPNProtocols: ['http/1.1'],
    });
    this.#socket = socket;
    this.#connecting.limitTls(socket);
    socket.on('session', (session) => sessions.set(key, session));
    this.#listen(socket);
    socket.once('secureConnect', () => this.#onReady(socket));
  }

  #onReady(socket: Socket): void {
    if (this.#socket === undefined) {
      this.#socket = socket;
      this.#listen(socket);
    }
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    if (!this.#readsInPlace) {
      socket.on('data', (chunk: Buffer) => this.#reader.read(chunk));
    }
    this.#isReady = true;
    this.#start();
  }

  #listen(socket: Socket): void {
    this.#writeErrors = new WriteErrors(socket);
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.once('end', () => {
      this.#reader.end();
      socket.destroy();
      this.#onOver(this.#error);
    });
    socket.once('close', () => this.#onOver(this.#error));
  }

  #start(): void {
    const request = this.#request;
    const socket = this.#socket;
    this.#request = undefined;
    if (request === undefined || socket === undefined || !request.onReady()) {
      return;
    }
    this.#request = request;
    this.#isUsed = true;
    if (request.body === undefined || request.body.length === 0) {
      socket.write(request.head, 'latin1');
    } else {
      socket.cork();
      socket.write(request.head, 'latin1');
      socket.write(request.body);
      socket.uncork();
    }
  }

  #onOver(error?: Error): void {
    if (this.#isOver) {
      return;
    }
    const request = this.#request;
    this.close();
    if (request === undefined) {
      this.#options.onClosed();
    } else {
      request.onError(error ?? new ConnectionClosedError('the connection was closed'));
    }
  }
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

/** The host of a `host` header, which may have a port. */
function hostOf(header: string): string {
  return withoutBrackets(header.replace(/:\d*$/, ''));
}
