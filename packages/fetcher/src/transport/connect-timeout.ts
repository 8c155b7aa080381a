import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { ConnectTimeoutError } from './errors.ts';

/**
 * Destroys a socket that has not resolved its name, connected and finished the TLS handshake in
 * time. The timer belongs to the connection: a fetch on a kept-alive connection has none.
 */
export function limitConnectTime(socket: Duplex, host: string, timeoutMs: number): void {
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
