import { HttpConnection } from './http-connection.ts';
import { idleTimeMs } from './idle-time.ts';
import { OriginConnections, type PendingRequest } from './origin-connections.ts';
import { requestHead } from './request-head.ts';
import { TlsSessions } from './tls-sessions.ts';
import type {
  ConnectOptions,
  RequestMessage,
  ResponseHandler,
  SentRequest,
  Transport,
} from './transport.ts';

/** How often idle connections are looked at. */
const SWEEP_MS = 500;

/** The fast transport: HTTP/1.1 over the sockets of Node, without the streams of its client. */
export class NativeTransport implements Transport {
  readonly #options: ConnectOptions;
  readonly #sessions = new TlsSessions();
  /** By origin and, where another host is named, its `host` header. */
  readonly #origins = new Map<string, OriginConnections>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  send(message: RequestMessage, handler: ResponseHandler): SentRequest {
    const head = requestHead(message);
    const connections = this.#connectionsFor(message);
    const request = new NativeRequest(connections, { message, head, handler });
    connections.send(request);
    return request;
  }

  closeIdle(): void {
    for (const connections of this.#origins.values()) {
      connections.closeIdle();
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#sweep);
    for (const connections of this.#origins.values()) {
      connections.destroy();
    }
    return Promise.resolve();
  }

  #connectionsFor({ url, headers }: RequestMessage): OriginConnections {
    const { origin } = url;
    const hostHeader = headers['host'];
    // TLS is spoken with the host that the request names.
    const key = hostHeader === undefined ? origin : `${origin} ${hostHeader}`;
    const known = this.#origins.get(key);
    if (known !== undefined) {
      return known;
    }
    const at = { origin: new URL(origin), hostHeader };
    const common = { ...at, connect: this.#options, sessions: this.#sessions };
    const connections = new OriginConnections({
      max: this.#options.maxConnectionsPerOrigin,
      open: (isForHead, onClosed) => new HttpConnection({ ...common, isForHead, onClosed }),
      onIdle: () => this.#sweepLater(),
      onEmpty: () => this.#origins.delete(key),
    });
    this.#origins.set(key, connections);
    return connections;
  }

  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      const now = performance.now();
      let areMoreIdle = false;
      for (const connections of this.#origins.values()) {
        areMoreIdle = connections.closeIdle(now) || areMoreIdle;
      }
      if (areMoreIdle) {
        this.#sweepLater();
      }
    }, SWEEP_MS).unref();
  }
}

interface NativeRequestOptions {
  readonly message: RequestMessage;
  readonly head: string;
  readonly handler: ResponseHandler;
}

class NativeRequest implements PendingRequest, SentRequest {
  readonly method: RequestMessage['method'];
  readonly head: string;
  readonly body: Buffer | undefined;
  readonly isOnNewConnection: boolean;
  readonly #connections: OriginConnections;
  readonly #handler: ResponseHandler;
  /** As `performance.now()`. It concerns requests that wait for a connection. */
  #sendBy: number;
  /** From the moment it has one until it returns it. */
  #connection: HttpConnection | undefined;
  #isSent = false;
  #hasEndedInHead = false;
  #isOver = false;

  constructor(connections: OriginConnections, { message, head, handler }: NativeRequestOptions) {
    const { method, body, isOnNewConnection, sendWithinMs = Infinity } = message;
    this.#sendBy = sendWithinMs === Infinity ? Infinity : performance.now() + sendWithinMs;
    this.#connections = connections;
    this.#handler = handler;
    this.head = head;
    this.method = method;
    this.body = body;
    // A server may send a body to a HEAD all the same, so nothing shares a connection with one.
    this.isOnNewConnection = isOnNewConnection || method === 'HEAD';
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isConnecting(): boolean {
    return !this.#isSent;
  }

  get isInHead(): boolean {
    return this.#connection?.isInHead ?? this.#hasEndedInHead;
  }

  onConnection(connection: HttpConnection, hasWaited: boolean): void {
    this.#connection = connection;
    if (!hasWaited) {
      this.#sendBy = Infinity;
    }
  }

  onReady(): boolean {
    if (this.#sendBy !== Infinity && performance.now() > this.#sendBy) {
      this.#isOver = true;
      this.#return(idleTimeMs(undefined));
      // Deferred: it may be that another request is just ending.
      queueMicrotask(() => this.#handler.onTooLate());
      return false;
    }
    this.#isSent = true;
    return true;
  }

  onHeaders(
    status: number,
    headers: Readonly<Record<string, string>>,
    cookies: readonly string[] | undefined,
  ): void {
    this.#handler.onHeaders(status, headers, cookies);
  }

  bodySpace(): Buffer | undefined {
    return this.#handler.bodySpace();
  }

  onData(chunk: Buffer): void {
    this.#handler.onData(chunk);
  }

  /** Returns the connection before it calls the handler: a fetch that starts there reuses it. */
  onEnd(idleMs: number): void {
    this.#isOver = true;
    this.#return(idleMs);
    this.#handler.onEnd();
  }

  onError(error: Error): void {
    this.#isOver = true;
    this.#hasEndedInHead = this.isInHead;
    this.#return(0);
    this.#handler.onError(error);
  }

  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  abort(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#discard();
    }
  }

  #return(idleMs: number): void {
    const connection = this.#connection;
    if (connection !== undefined && idleMs > 0) {
      this.#connection = undefined;
      this.#connections.release(connection, idleMs);
    } else {
      this.#discard();
    }
  }

  #discard(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) {
      this.#connections.discard(connection);
    }
  }
}
