import type { IncomingMessage } from 'node:http';
import { plainAddress } from './host-check.ts';

/** Who sends a request, and how. */
export interface Viewer {
  /** IP address. */
  readonly address: string;
  readonly isHttps: boolean;
}

/**
 * @param trustsProxy whether a reverse proxy that sets these headers is in front: everybody else
 *   could set them, too
 */
export function viewerOf(request: IncomingMessage, trustsProxy: boolean): Viewer {
  const { headers, socket } = request;
  const direct = plainAddress(socket.remoteAddress ?? 'unknown');
  if (!trustsProxy) {
    return { address: direct, isHttps: false };
  }
  // The proxy adds the last one; those before are what the client says.
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .at(-1)
    ?.trim();
  return {
    address: forwarded === undefined || forwarded === '' ? direct : forwarded.slice(0, 64),
    isHttps: headers['x-forwarded-proto'] === 'https',
  };
}
