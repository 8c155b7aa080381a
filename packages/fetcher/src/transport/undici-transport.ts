import { buildConnector, type Client, type Dispatcher } from 'undici';
import { PARSER_HEAD_BYTES } from './answer-reader.ts';
import { idleTimeMs } from './idle-time.ts';
import { mergeRepeated } from './repeated-headers.ts';
import { withoutFragment } from './request-target.ts';
import type {
  ConnectOptions,
  RequestMessage,
  ResponseHandler,
  SentRequest,
  Transport,
} from './transport.ts';
import { type Connection, type PendingRequest, UndiciConnections } from './undici-connections.ts';
import { UndiciConnector } from './undici-connector.ts';

type Controller = Dispatcher.DispatchController;

/** Thrown where undici is about to send a request, which keeps the connection. */
const TOO_LATE = new Error('the connection was ready too late');

/** How often idle connections are looked at. */
const SWEEP_MS = 500;
/** When undici would close an idle connection. We do it earlier, without an error for each. */
const UNDICI_IDLE_MS = 60_000;

/** The fast transport: one undici client per connection, without its request API and its pools. */
export class UndiciTransport implements Transport {
  readonly #options: ConnectOptions;
  readonly #client: Client.Options;
  readonly #origins = new Map<string, UndiciConnections>();
  /** One for all clients: it keeps their TLS sessions. */
  readonly #startTls: buildConnector.connector;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#startTls = buildConnector({ allowH2: false, timeout: 0, ...options.tls });
    this.#client = {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: PARSER_HEAD_BYTES,
      keepAliveTimeout: UNDICI_IDLE_MS,
      keepAliveTimeoutThreshold: 0,
      // The exchange has one timer for everything; two more per request would be wasted.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
  }

  send(message: RequestMessage, handler: ResponseHandler): SentRequest {
    const connections = this.#connectionsTo(message.url.origin);
    const request = new UndiciRequest(connections, handler, message);
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
    await Promise.all([...this.#origins.values()].map(async (origin) => origin.destroy()));
  }

  #connectionsTo(origin: string): UndiciConnections {
    const known = this.#origins.get(origin);
    if (known !== undefined) {
      return known;
    }
    const connections = new UndiciConnections(origin, {
      max: this.#options.maxConnectionsPerOrigin,
      client: this.#client,
      createConnector: (isForHead) =>
        new UndiciConnector(
          isForHead ? { ...this.#options, isForHead } : this.#options,
          this.#startTls,
        ),
      onIdle: () => this.#sweepLater(),
      onEmpty: () => this.#origins.delete(origin),
    });
    this.#origins.set(origin, connections);
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

class UndiciRequest implements PendingRequest, SentRequest {
  readonly path: string;
  readonly method: RequestMessage['method'];
  readonly body: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly isOnNewConnection: boolean;
  readonly #connections: UndiciConnections;
  readonly #handler: ResponseHandler;
  /** As `performance.now()`. It concerns requests that wait for a connection. */
  #sendBy: number;
  #connection: Connection | undefined;
  /** How long the connection may be idle after this request. */
  #idleMs = idleTimeMs(undefined);
  #controller: Controller | undefined;
  #isOver = false;

  constructor(
    connections: UndiciConnections,
    handler: ResponseHandler,
    {
      url,
      method,
      body,
      headers,
      isOnNewConnection,
      sendWithinMs = Infinity,
      isToProxy = false,
    }: RequestMessage,
  ) {
    this.#sendBy = sendWithinMs === Infinity ? Infinity : performance.now() + sendWithinMs;
    this.#connections = connections;
    this.#handler = handler;
    this.path = isToProxy ? withoutFragment(url) : url.pathname + url.search;
    this.method = method;
    this.body = body;
    this.headers = headers;
    // undici closes a connection after a HEAD: a server may send a body all the same.
    this.isOnNewConnection = isOnNewConnection || method === 'HEAD';
  }

  onConnection(connection: Connection, hasWaited: boolean): void {
    this.#connection = connection;
    if (!hasWaited) {
      this.#sendBy = Infinity;
    }
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isOver) {
      controller.abort(new Error('aborted'));
    } else if (this.#sendBy !== Infinity && performance.now() > this.#sendBy) {
      throw TOO_LATE;
    } else if (this.#connection !== undefined) {
      this.#connection.isUsed = true;
    }
  }

  onResponseStart(
    _controller: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#isOver || status < 200) {
      return;
    }
    const keepAlive = headers['keep-alive'];
    if (keepAlive !== undefined) {
      this.#idleMs = idleTimeMs(String(keepAlive));
    }
    const cookies = headers['set-cookie'];
    const listed = typeof cookies === 'string' ? [cookies] : cookies;
    this.#handler.onHeaders(status, joinRepeated(headers), listed);
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (!this.#isOver) {
      this.#handler.onData(chunk);
    }
  }

  /**
   * Returns the connection before it calls the handler: a fetch that starts there reuses it at
   * once, without the checks that undici makes on an idle connection.
   */
  onResponseEnd(): void {
    this.#returnConnection((connection) =>
      this.method === 'HEAD' || this.#idleMs === 0
        ? this.#connections.discard(connection)
        : this.#connections.release(connection, this.#idleMs),
    );
    if (!this.#isOver) {
      this.#isOver = true;
      this.#handler.onEnd();
    }
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (error === TOO_LATE) {
      this.#isOver = true;
      // Deferred: undici has not taken the request out of its queue yet.
      queueMicrotask(() => {
        this.#returnConnection((connection) => this.#connections.release(connection, this.#idleMs));
        this.#handler.onTooLate();
      });
      return;
    }
    this.#returnConnection((connection) => this.#connections.discard(connection));
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    // Deferred: undici rejects an invalid request before `send` has returned.
    queueMicrotask(() => this.#handler.onError(error));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  get isConnecting(): boolean {
    return this.#controller === undefined;
  }

  abort(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      if (this.#controller !== undefined) {
        this.#controller.abort(new Error('aborted'));
      } else {
        this.#connection?.connector.abort();
      }
    }
  }

  #returnConnection(release: (connection: Connection) => void): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) {
      release(connection);
    }
  }
}

function joinRepeated(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    joined[name] =
      typeof value === 'string'
        ? value
        : (value ?? []).reduce((known, next) => mergeRepeated(name, known, next));
  }
  return joined;
}
