import { Socket } from 'node:net';

import { Agent, buildConnector, type Dispatcher } from 'undici';

import { guardLookup, refuseLiteral } from './guard.ts';
import {
  IDLE_CONNECTION_MS,
  type ConnectOptions,
  type Hop,
  type HopEvents,
  type Transport,
} from './transport.ts';
import { watchConnect } from './watch-connect.ts';

type DispatchHandler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

/** Errors of a connection that was closed under a request. */
const CLOSED_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** Bytes a connection had received when it failed: none on a new one, some on one that had served before. */
const receivedBytes = new WeakMap<Error, number>();

/** The fast lane: undici's dispatcher without its request API. Pools of idle origins close by themselves. */
export class UndiciTransport implements Transport {
  readonly #agent: Agent;
  /** All that are open or still connecting: undici forgets the latter when it is destroyed. */
  readonly #sockets = new Set<Socket>();

  constructor(options: ConnectOptions) {
    this.#agent = new Agent({
      allowH2: false,
      pipelining: 1,
      connections: options.maxConnectionsPerOrigin,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      // The exchange has one timer over everything; two more for each request would be paid for nothing.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: guardedConnector(options, this.#sockets),
    });
  }

  send(url: URL, headers: Readonly<Record<string, string>>, events: HopEvents): Hop {
    const hop = new UndiciHop(events);
    const path = url.pathname + url.search;
    this.#agent.dispatch({ origin: url.origin, path, method: 'GET', headers }, hop);
    return hop;
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}

class UndiciHop implements DispatchHandler, Hop {
  readonly #events: HopEvents;
  #controller: Controller | undefined;
  #answered = false;
  #over = false;

  constructor(events: HopEvents) {
    this.#events = events;
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
   * Tells the end once the connection is free: undici frees it by a `setImmediate` of its own, set right
   * after this call. Told at once, the next fetch would find it busy and open another one.
   */
  onResponseEnd(): void {
    queueMicrotask(() => {
      setImmediate(() => {
        if (!this.#over) {
          this.#over = true;
          this.#events.onEnd();
        }
      });
    });
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (!this.#over) {
      this.#over = true;
      this.#events.onError(error, !this.#answered && isStale(error));
    }
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
