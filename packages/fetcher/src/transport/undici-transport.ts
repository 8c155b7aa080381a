import { Socket } from 'node:net';

import { buildConnector, type Client, type Dispatcher } from 'undici';

import { guardLookup, refuseLiteral } from './address-guard.ts';
import {
  IDLE_CONNECTION_MS,
  type ConnectOptions,
  type Hop,
  type HopEvents,
  type Transport,
} from './transport.ts';
import { type Passenger, UndiciConnections } from './undici-connections.ts';
import { watchConnect } from './watch-connect.ts';

type Controller = Dispatcher.DispatchController;

/** Errors of a connection that was closed under a request. */
const CLOSED_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** Bytes a connection had received when it failed: none on a new one, some on one that had served before. */
const receivedBytes = new WeakMap<Error, number>();

/** The fast pool: undici's clients, one for each connection, without its request API and its pools. */
export class UndiciTransport implements Transport {
  readonly #options: ConnectOptions;
  readonly #client: Client.Options;
  readonly #origins = new Map<string, UndiciConnections>();
  /** All that are open or still connecting: undici forgets the latter when it is destroyed. */
  readonly #sockets = new Set<Socket>();

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#client = {
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      // The exchange has one timer over everything; two more for each request would be paid for nothing.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: guardedConnector(options, this.#sockets),
    };
  }

  send(url: URL, headers: Readonly<Record<string, string>>, events: HopEvents): Hop {
    const connections = this.#connectionsTo(url.origin);
    const hop = new UndiciHop(connections, events, { path: url.pathname + url.search, headers });
    connections.send(hop);
    return hop;
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

class UndiciHop implements Passenger, Hop {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #connections: UndiciConnections;
  readonly #events: HopEvents;
  #client: Client | undefined;
  #controller: Controller | undefined;
  #answered = false;
  #over = false;

  constructor(
    connections: UndiciConnections,
    events: HopEvents,
    { path, headers }: Pick<Passenger, 'path' | 'headers'>,
  ) {
    this.#connections = connections;
    this.#events = events;
    this.path = path;
    this.headers = headers;
  }

  board(connection: Client): void {
    this.#client = connection;
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#over) {
      controller.abort(new Error('aborted'));
    }
  }

  /** The first byte of an answer. */
  onResponseStarted(): void {
    this.#answered = true;
  }

  onResponseStart(
    _controller: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#over || status < 200) {
      return;
    }
    this.#events.onHeaders(status, joinRepeated(headers));
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (!this.#over) {
      this.#events.onData(chunk);
    }
  }

  /**
   * The connection is given back first: a fetch that follows at once goes out on it, without the looks that undici takes at a
   * connection that was idle.
   */
  onResponseEnd(): void {
    this.#giveBack((client) => this.#connections.release(client));
    if (!this.#over) {
      this.#over = true;
      this.#events.onEnd();
    }
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#giveBack((client) => this.#connections.discard(client));
    if (this.#over) {
      return;
    }
    this.#over = true;
    const isUnanswered = !this.#answered && isStale(error);
    // A request that undici does not even take is refused before `send` has returned.
    queueMicrotask(() => this.#events.onError(error, isUnanswered));
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    if (!this.#over) {
      this.#over = true;
      // Still waiting for a connection: it is aborted as soon as it would start.
      this.#controller?.abort(new Error('aborted'));
    }
  }

  #giveBack(how: (client: Client) => void): void {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) how(client);
  }
}

function guardedConnector(options: ConnectOptions, sockets: Set<Socket>): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    timeout: 0,
    lookup: guardLookup(options.lookup, options.policy),
  });
  return (target, callback) => {
    const refusal = refuseLiteral(target.hostname, options.policy);
    if (refusal) {
      callback(refusal, null);
      return;
    }
    // Typed as void, but it returns the socket that it connects.
    const socket: unknown = connect(target, callback);
    if (socket instanceof Socket) {
      watchConnect(socket, target.hostname, options.connectTimeoutMs);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', (error) => receivedBytes.set(error, socket.bytesRead));
    }
  };
}

function isStale(
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
    joined[name] = typeof value === 'string' ? value : (value?.join(', ') ?? '');
  }
  return joined;
}
