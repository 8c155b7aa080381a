import { Socket } from 'node:net';
import { buildConnector, type Client, type Dispatcher } from 'undici';
import { filterLookup, refuseAddress } from './address-filter.ts';
import { hasPartialHead, PARSER_HEAD_BYTES, readAnswersOf } from './answer-reader.ts';
import { limitConnectTime } from './connect-timeout.ts';
import { mergeRepeated } from './repeated-headers.ts';
import {
  IDLE_CONNECTION_MS,
  type ConnectOptions,
  type ResponseHandler,
  type SentRequest,
  type Transport,
} from './transport.ts';
import { type PendingRequest, UndiciConnections } from './undici-connections.ts';

type Controller = Dispatcher.DispatchController;

/** Codes of a connection that was closed during a request. */
const CLOSED_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/**
 * Bytes that a connection had received when it failed: none on a new connection, some on one that
 * was used before.
 */
const receivedBytes = new WeakMap<Error, number>();

/** The fast transport: one undici client per connection, without its request API and its pools. */
export class UndiciTransport implements Transport {
  readonly #options: ConnectOptions;
  readonly #client: Client.Options;
  readonly #origins = new Map<string, UndiciConnections>();
  /** Open and connecting sockets: undici forgets the latter when it is destroyed. */
  readonly #sockets = new Set<Socket>();

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
      connect: filteredConnector(options, this.#sockets),
    };
  }

  send(url: URL, headers: Readonly<Record<string, string>>, handler: ResponseHandler): SentRequest {
    const connections = this.#connectionsTo(url.origin);
    const path = url.pathname + url.search;
    const request = new UndiciRequest(connections, handler, { path, headers });
    connections.send(request);
    return request;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#origins.values()].map(async (origin) => origin.destroy()));
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #connectionsTo(origin: string): UndiciConnections {
    const known = this.#origins.get(origin);
    if (known !== undefined) {
      return known;
    }
    const connections = new UndiciConnections(origin, {
      max: this.#options.maxConnectionsPerOrigin,
      client: this.#client,
      onEmpty: () => this.#origins.delete(origin),
    });
    this.#origins.set(origin, connections);
    return connections;
  }
}

class UndiciRequest implements PendingRequest, SentRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #connections: UndiciConnections;
  readonly #handler: ResponseHandler;
  #client: Client | undefined;
  #controller: Controller | undefined;
  #isAnswered = false;
  #isOver = false;

  constructor(
    connections: UndiciConnections,
    handler: ResponseHandler,
    { path, headers }: Pick<PendingRequest, 'path' | 'headers'>,
  ) {
    this.#connections = connections;
    this.#handler = handler;
    this.path = path;
    this.headers = headers;
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

  /** The first byte of an answer. */
  onResponseStarted(): void {
    this.#isAnswered = true;
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
    this.#returnConnection((client) => this.#connections.release(client));
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
    const isStale = !this.#isAnswered && wasReused(error);
    // Deferred: undici rejects an invalid request before `send` has returned.
    queueMicrotask(() => this.#handler.onError(error, isStale));
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
      // A request that still waits for a connection is aborted in `onRequestStart`.
      this.#controller?.abort(new Error('aborted'));
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

function filteredConnector(
  options: ConnectOptions,
  sockets: Set<Socket>,
): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    timeout: 0,
    lookup: filterLookup(options.lookup, options.policy),
  });
  return (target, callback) => {
    const refusal = refuseAddress(target.hostname, options.policy);
    if (refusal) {
      callback(refusal, null);
      return;
    }
    // Typed as void, but it returns the socket.
    const socket: unknown = connect(target, callback);
    if (socket instanceof Socket) {
      readAnswersOf(socket);
      limitConnectTime(socket, target.hostname, options.connectTimeoutMs);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', (error) => {
        receivedBytes.set(error, hasPartialHead(socket) ? 0 : socket.bytesRead);
      });
    }
  };
}

/** Whether the connection was closed, and had received data before this request. */
function wasReused(
  error: Error & { code?: string; socket?: { bytesRead?: number } | null },
): boolean {
  if (!CLOSED_CODES.has(error.code ?? '')) {
    return false;
  }
  return (error.socket?.bytesRead ?? receivedBytes.get(error) ?? 0) > 0;
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
