import type { Server } from 'node:http';

/**
 * Closes an HTTP server. Open requests have `graceMs` to be answered; then connections are closed.
 * @default 1 s
 */
export async function closeServer(server: Server, graceMs = 1_000): Promise<void> {
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  await new Promise<void>((resolve) => {
    // The only error is that the server is not running, which is fine.
    server.close(() => resolve());
  });
  clearTimeout(deadline);
}
