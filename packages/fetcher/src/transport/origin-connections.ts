import type { CarriedRequest, HttpConnection } from './http-connection.ts';

/** A request that waits for a connection. */
export interface PendingRequest extends CarriedRequest {
  readonly isOnNewConnection: boolean;
  /** Whether it was given up while it waited. */
  readonly isOver: boolean;
  /**
   * The request owns the connection until it calls `release` or `discard`, one of them, once.
   *
   * @param hasWaited false if it is sent before `send` has returned
   */
  onConnection(connection: HttpConnection, hasWaited: boolean): void;
}

export interface ConnectionsOptions {
  readonly max: number;
  /** @param onClosed called if it closes while no request uses it */
  readonly open: (isForHead: boolean, onClosed: () => void) => HttpConnection;
  /** Called when a connection becomes idle. */
  readonly onIdle: () => void;
  /** Called when no connection is left. */
  readonly onEmpty: () => void;
}

/** A connection that no request uses. */
interface IdleConnection {
  readonly connection: HttpConnection;
  /** How long it is kept, as `performance.now()`. */
  readonly until: number;
}

/**
 * The connections to one origin. A request takes the connection that was released last: as few as
 * possible are in use, and the others become idle and close.
 *
 *     idle ──send──▶ in use ──release──▶ idle ──closed by the origin, or kept long enough──▶ gone
 *                      └──discard──▶ gone
 */
export class OriginConnections {
  readonly #options: ConnectionsOptions;
  readonly #all = new Set<HttpConnection>();
  /** In the order of their release. */
  #idle: IdleConnection[] = [];
  readonly #waiting: PendingRequest[] = [];

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  send(request: PendingRequest): void {
    const { isOnNewConnection, method } = request;
    const ready = isOnNewConnection ? this.#takeUnused(method) : this.#takeIdle();
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
  release(connection: HttpConnection, idleMs: number): void {
    const next = this.#takeWaiting();
    if (next === undefined) {
      this.#idle.push({ connection, until: performance.now() + idleMs });
      this.#options.onIdle();
    } else if (next.isOnNewConnection && (connection.isUsed || next.method === 'HEAD')) {
      this.#waiting.unshift(next);
      this.discard(connection);
    } else {
      dispatch(next, connection, true);
    }
  }

  /** Returns a connection that is of no more use. */
  discard(connection: HttpConnection): void {
    connection.close();
    this.#remove(connection);
  }

  #remove(connection: HttpConnection): void {
    this.#all.delete(connection);
    const next = this.#takeWaiting();
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
      this.#idle = idle.filter(({ until }) => until > now);
      for (const { connection, until } of idle) {
        if (until <= now) {
          this.discard(connection);
        }
      }
    }
    return this.#idle.length > 0;
  }

  destroy(): void {
    for (const connection of this.#all) {
      connection.close();
    }
  }

  #takeWaiting(): PendingRequest | undefined {
    let next = this.#waiting.shift();
    while (next?.isOver === true) {
      next = this.#waiting.shift();
    }
    return next;
  }

  /** The one that was released last, unless its end is on its way. */
  #takeIdle(): HttpConnection | undefined {
    let connection = this.#idle.pop()?.connection;
    while (connection !== undefined && !connection.isUsable) {
      connection.close();
      this.#all.delete(connection);
      connection = this.#idle.pop()?.connection;
    }
    return connection;
  }

  /** One that was ready too late for its request. */
  #takeUnused(method: PendingRequest['method']): HttpConnection | undefined {
    const at = this.#idle.findIndex(({ connection }) => !connection.isUsed && connection.isUsable);
    return at === -1 || method === 'HEAD' ? undefined : this.#idle.splice(at, 1)[0]?.connection;
  }

  #openInsteadOfIdle(isForHead: boolean): HttpConnection | undefined {
    if (this.#all.size >= this.#options.max) {
      const oldest = this.#idle.shift();
      if (oldest !== undefined) {
        this.discard(oldest.connection);
      }
    }
    return this.#open(isForHead);
  }

  #open(isForHead = false): HttpConnection | undefined {
    if (this.#all.size >= this.#options.max) {
      return undefined;
    }
    const connection = this.#options.open(isForHead, () => this.#onClosed(connection));
    this.#all.add(connection);
    return connection;
  }

  #onClosed(connection: HttpConnection): void {
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at !== -1) {
      this.#idle.splice(at, 1);
    }
    this.#remove(connection);
  }
}

function dispatch(request: PendingRequest, connection: HttpConnection, hasWaited: boolean): void {
  request.onConnection(connection, hasWaited);
  connection.send(request);
}
