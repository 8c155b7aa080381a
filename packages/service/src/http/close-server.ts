import type { Server } from 'node:http';

/** Closes an HTTP server: what has been asked is answered, for at most `graceMs`; then connections are cut. @default 1 s */
export async function closeServer(server: Server, graceMs = 1_000): Promise<void> {
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  await new Promise<void>((resolve) => {
    // The only error is "was not running", which is what is wanted.
    server.close(() => resolve());
  });
  clearTimeout(deadline);
}
