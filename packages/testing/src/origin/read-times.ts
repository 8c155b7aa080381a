import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** Between which two moments a request came, as `performance.now()`. */
export interface ReadTime {
  /** What had come by then was read before. */
  readonly from: number;
  /** When the request was read. */
  readonly at: number;
}

const EVERY_MS = 2;

/**
 * When requests came to the servers of this process, as exactly as it can know: after a stall it
 * reads at once what came one after the other.
 */
export class ReadTimes {
  /** For the first request of a connection: it may be older than the connection is here. */
  readonly #from = new WeakMap<Socket, number>();
  #readAt = performance.now();
  /** All connections that had been made by then are known. */
  #acceptedAt = performance.now();
  #hasAccepted = false;

  constructor(...servers: readonly Server[]) {
    // Timers run before sockets are read, and `setImmediate` after it: by then all is read that had
    // come when the timer ran. But of new connections one is accepted at a time.
    setInterval(() => {
      const ranAt = performance.now();
      this.#hasAccepted = false;
      setImmediate(() => {
        this.#readAt = ranAt;
        if (!this.#hasAccepted) {
          this.#acceptedAt = ranAt;
        }
      });
    }, EVERY_MS).unref();
    for (const server of servers) {
      server.on('connection', (socket: Socket) => {
        this.#hasAccepted = true;
        this.#from.set(socket, this.#acceptedAt);
      });
      // Its first request comes after the handshake, in which this process has taken part.
      server.on('secureConnection', (socket: Socket) => this.#from.set(socket, this.#readAt));
    }
  }

  /** To be called with each request, when it is read. */
  of({ socket }: Pick<IncomingMessage, 'socket'>): ReadTime {
    const at = performance.now();
    const from = Math.min(this.#from.get(socket) ?? this.#readAt, at);
    this.#from.delete(socket);
    return { from, at };
  }
}
