import { buildConnector, type Client, type Dispatcher } from 'undici';
import { PARSER_HEAD_BYTES } from './answer-reader.ts';
import { mergeRepeated } from './repeated-headers.ts';
import {
  IDLE_CONNECTION_MS,
  type ConnectOptions,
  type RequestMessage,
  type ResponseHandler,
  type SentRequest,
  type Transport,
} from './transport.ts';
import { type PendingRequest, UndiciConnections } from './undici-connections.ts';
import { UndiciConnector } from './undici-connector.ts';

type Controller = Dispatcher.DispatchController;

/** The fast transport: one undici client per connection, without its request API and its pools. */
export class UndiciTransport implements Transport {
  readonly #options: ConnectOptions;
  readonly #client: Client.Options;
  readonly #origins = new Map<string, UndiciConnections>();
  /** One for all clients: it keeps their TLS sessions. */
  readonly #startTls = buildConnector({ allowH2: false, timeout: 0 });

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#client = {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: PARSER_HEAD_BYTES,
      keepAliveTimeout: IDLE_CONNECTION_MS,
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
      onEmpty: () => this.#origins.delete(origin),
    });
    this.#origins.set(origin, connections);
    return connections;
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
  #client: Client | undefined;
  #controller: Controller | undefined;
  #isOver = false;

  constructor(
    connections: UndiciConnections,
    handler: ResponseHandler,
    { url, method, body, headers, isOnNewConnection }: RequestMessage,
  ) {
    this.#connections = connections;
    this.#handler = handler;
    this.path = url.pathname + url.search;
    this.method = method;
    this.body = body;
    this.headers = headers;
    // undici closes a connection after a HEAD: a server may send a body all the same.
    this.isOnNewConnection = isOnNewConnection || method === 'HEAD';
  }

  onConnection(connection: Client): void {
    this.#client = connection;
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isOver) {
      controller.abort(new Error('aborted'));
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
    this.#returnConnection((client) =>
      this.method === 'HEAD'
        ? this.#connections.discard(client)
        : this.#connections.release(client),
    );
    if (!this.#isOver) {
      this.#isOver = true;
      this.#handler.onEnd();
    }
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#returnConnection((client) => this.#connections.discard(client));
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

  abort(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      if (this.#controller !== undefined) {
        this.#controller.abort(new Error('aborted'));
      } else if (this.#client !== undefined) {
        this.#connections.abortConnecting(this.#client);
      }
    }
  }

  #returnConnection(release: (client: Client) => void): void {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) {
      release(client);
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
