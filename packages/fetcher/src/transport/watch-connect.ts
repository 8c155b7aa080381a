import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import { ConnectTimeoutError } from './errors.ts';

/**
 * Destroys a socket that is not ready (name resolved, TCP connected, TLS agreed) in time. The timer
 * belongs to the connection, not to the request: a fetch on a kept-alive connection pays nothing.
 */
export function watchConnect(socket: Duplex, host: string, timeoutMs: number): void {
  const timer = setTimeout(() => {
    socket.destroy(
      new ConnectTimeoutError(`no connection to ${host} within ${timeoutMs / 1_000} s`),
    );
  }, timeoutMs);
  const clear = () => {
    clearTimeout(timer);
  };
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', clear);
  socket.once('close', clear);
}
