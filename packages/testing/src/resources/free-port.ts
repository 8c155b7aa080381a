import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that was free a moment ago. Another process may take it meanwhile. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') {
    throw new Error('No port was given');
  }
  return address.port;
}

const ATTEMPTS = 3;

/**
 * Launches a server on a free port. Another process may take the port before the server binds it:
 * then it is launched again on another one.
 *
 * @param wanted the only port that will do. @default any
 * @throws what the last launch threw
 */
export async function launchOnFreePort<T>(
  launch: (port: number) => Promise<T>,
  wanted?: number,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const port = wanted ?? (await freePort());
    try {
      return await launch(port);
    } catch (error) {
      if (wanted !== undefined || attempt === ATTEMPTS) {
        throw error;
      }
    }
  }
}
