import { Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { readAnswersOf } from './answer-reader.ts';
import { Dial } from './dial.ts';
import type { ConnectOptions } from './transport.ts';

/** What undici sets for sockets that it opens itself. */
const HIGH_WATER_MARK = 64 * 1_024;

/** Connects one client of undici by `Dial`. */
export class UndiciConnector {
  readonly #options: ConnectOptions;
  readonly #startTls: buildConnector.connector;
  #abort: (() => void) | undefined;

  /** @param startTls the connector of undici, which keeps TLS sessions */
  constructor(options: ConnectOptions, startTls: buildConnector.connector) {
    this.#options = options;
    this.#startTls = startTls;
  }

  connect(target: buildConnector.Options, callback: buildConnector.Callback): void {
    const { hostname, protocol, port } = target;
    const isTls = protocol === 'https:';
    const at = {
      host: hostname,
      port: Number(port) || (isTls ? 443 : 80),
      highWaterMark: HIGH_WATER_MARK,
    };
    const end = (error: Error | null, socket: Socket | null): void => {
      this.#abort = undefined;
      if (error === null && socket !== null) {
        callback(null, socket);
      } else {
        callback(error ?? new Error('no connection'), null);
      }
    };
    const dial = new Dial(at, this.#options, {
      onConnected: (tcp) => {
        if (!isTls) {
          readAnswersOf(tcp, this.#options.isForHead);
          end(null, tcp);
          return;
        }
        // Typed as void, but it returns the socket.
        const socket: unknown = this.#startTls(
          { ...target, httpSocket: tcp },
          (error: Error | null, tls: Socket | null) => end(error, tls),
        );
        if (socket instanceof Socket) {
          readAnswersOf(socket, this.#options.isForHead);
          this.#abort = () => socket.destroy(new Error('aborted'));
          dial.limitTls(socket);
        }
      },
      onFailed: (error) => end(error, null),
    });
    this.#abort = () => {
      dial.abort();
      end(new Error('aborted'), null);
    };
  }

  /** Ends an attempt to connect, if there is one. */
  abort(): void {
    this.#abort?.();
  }
}
