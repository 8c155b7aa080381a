import { Client, type Dispatcher } from 'undici';
import type { RequestMessage } from './transport.ts';
import type { UndiciConnector } from './undici-connector.ts';

/**
 * Given to undici for each connection that is closed without a request. It would make an error for
 * each, with a stack trace: 5 % of the time of a worker that fetches once from every origin.
 */
const NOT_NEEDED = Object.assign(new Error('the connection is not needed any more'), {
  code: 'UND_ERR_INFO',
});

/** An undici client, which connects once, and what connects it. */
export interface Connection {
  readonly client: Client;
  readonly connector: UndiciConnector;
  /** Whether a request was sent over it. */
  isUsed: boolean;
  /** Until when it is kept while it is idle, as `performance.now()`. */
  idleUntil: number;
}

/** A request that waits for a connection and handles its own response. */
export interface PendingRequest extends Dispatcher.DispatchHandler {
  readonly path: string;
  readonly method: RequestMessage['method'];
  readonly body: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly isOnNewConnection: boolean;
  /**
   * The request owns the connection until it calls `release` or `discard`, one of them, once.
   *
   * @param hasWaited false if it is sent before `send` has returned
   */
  onConnection(connection: Connection, hasWaited: boolean): void;
}

export interface ConnectionsOptions {
  readonly max: number;
  readonly client: Client.Options;
  readonly createConnector: (isForHead: boolean) => UndiciConnector;
  /** Called when a connection becomes idle. */
  readonly onIdle: () => void;
  /** Called when no connection is left. */
  readonly onEmpty: () => void;
}

/**
 * The connections to one origin. A request takes the connection that was released last: as few as
 * possible are in use, and the others become idle and close. The pool of undici searches all its
 * clients for every request, which takes 15 of the 65 µs of a bare fetch with 400 in flight.
 *
 *     idle ──send──▶ in use ──release──▶ idle ──closed by the origin, or kept long enough──▶ gone
 *                      └──discard──▶ gone
 */
export class UndiciConnections {
  readonly #origin: string;
  readonly #options: ConnectionsOptions;
  readonly #all = new Set<Connection>();
  /** In the order of their release. */
  #idle: Connection[] = [];
  readonly #waiting: PendingRequest[] = [];

  constructor(origin: string, options: ConnectionsOptions) {
    this.#origin = origin;
    this.#options = options;
  }

  send(request: PendingRequest): void {
    const { isOnNewConnection, method } = request;
    const ready = isOnNewConnection ? this.#takeUnused(method) : this.#idle.pop();
    if (ready !== undefined) {
      dispatch(request, ready, false);
      return;
    }
    const opened = isOnNewConnection ? this.#openInsteadOfIdle(method === 'HEAD') : this.#open();
    if (opened === undefined) {
      this.#waiting.push(request);
    } else {
      dispatch(request, opened, true);
    }
  }

  /** Returns a connection that may be used again, and is kept for so long if nobody does. */
  release(connection: Connection, idleMs: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      connection.idleUntil = performance.now() + idleMs;
      this.#idle.push(connection);
      this.#options.onIdle();
    } else if (next.isOnNewConnection && (connection.isUsed || next.method === 'HEAD')) {
      this.#waiting.unshift(next);
      this.discard(connection);
    } else {
      dispatch(next, connection, true);
    }
  }

  /** Returns a connection that has failed. */
  discard(connection: Connection): void {
    // Deferred: undici is still running the callbacks of the failure.
    queueMicrotask(() => connection.client.destroy(NOT_NEEDED, () => undefined));
    this.#remove(connection);
  }

  #remove(connection: Connection): void {
    this.#all.delete(connection);
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.send(next);
    } else if (this.#all.size === 0) {
      this.#options.onEmpty();
    }
  }

  /**
   * Closes connections that are idle.
   *
   * @param now those that were to be kept until then. @default all
   * @returns whether others are idle
   */
  closeIdle(now = Infinity): boolean {
    if (this.#idle.length > 0) {
      const idle = this.#idle;
      this.#idle = idle.filter(({ idleUntil }) => idleUntil > now);
      for (const connection of idle) {
        if (connection.idleUntil <= now) {
          this.discard(connection);
        }
      }
    }
    return this.#idle.length > 0;
  }

  async destroy(): Promise<void> {
    for (const { connector } of this.#all) {
      connector.abort();
    }
    await Promise.all([...this.#all].map(async ({ client }) => client.destroy()));
  }

  /** One that was ready too late for its request. */
  #takeUnused(method: PendingRequest['method']): Connection | undefined {
    const at = method === 'HEAD' ? -1 : this.#idle.findIndex(({ isUsed }) => !isUsed);
    return at === -1 ? undefined : this.#idle.splice(at, 1)[0];
  }

  #openInsteadOfIdle(isForHead: boolean): Connection | undefined {
    if (this.#all.size >= this.#options.max) {
      const oldest = this.#idle.shift();
      if (oldest !== undefined) {
        this.discard(oldest);
      }
    }
    return this.#open(isForHead);
  }

  #open(isForHead = false): Connection | undefined {
    if (this.#all.size >= this.#options.max) {
      return undefined;
    }
    const connector = this.#options.createConnector(isForHead);
    const client = new Client(this.#origin, {
      ...this.#options.client,
      connect: (target, callback) => connector.connect(target, callback),
    });
    const connection = { client, connector, isUsed: false, idleUntil: 0 };
    client.on('disconnect', () => this.#onDisconnect(connection));
    this.#all.add(connection);
    return connection;
  }

  /**
   * Removes a connection that closed while idle: its client has nothing left to destroy. One that
   * is in use connects again if its request has not been sent, and fails otherwise.
   */
  #onDisconnect(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at !== -1) {
      this.#idle.splice(at, 1);
      this.#remove(connection);
    }
  }
}

function dispatch(request: PendingRequest, connection: Connection, hasWaited: boolean): void {
  request.onConnection(connection, hasWaited);
  const { path, method, headers, body = null } = request;
  connection.client.dispatch({ path, method, headers, body }, request);
}
