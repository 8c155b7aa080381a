import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach } from '@jest/globals';
import {
  createFetcher,
  type Fetcher,
  type FetcherOptions,
  type FetchRequest,
} from '../src/index.ts';

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  readonly sockets: ReadonlySet<Socket>;
}

const closing: (() => Promise<void>)[] = [];

/** Closes the servers and fetchers of each test. Call at the top level of a test file. */
export function closeAfterEachTest(): void {
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) {
      await close();
    }
  });
}

/** A real HTTP server for well-formed answers. */
export async function serve(handler: http.RequestListener): Promise<TestServer> {
  return listen(http.createServer({ keepAliveTimeout: 0 }, handler));
}

/** A TCP server that answers the head of each request with any bytes. */
export async function serveRaw(
  answer: (socket: Socket, head: string) => void,
): Promise<TestServer> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        answer(socket, head);
      }
    });
  });
  return listen(server);
}

export async function listen(server: Server, host = '127.0.0.1'): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, host);
  await once(server, 'listening');
  closing.push(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    sockets,
    get connections() {
      return connections;
    },
  };
}

/** A fetcher that may reach loopback, stopped after the test. */
export function newFetcher(
  transport: 'got' | 'native',
  options: Partial<FetcherOptions> = {},
): Fetcher {
  const fetcher = createFetcher({
    transport,
    allowPrivate: true,
    userAgent: 'fetchfleet-test',
    ...options,
  });
  closing.push(() => fetcher.stop());
  return fetcher;
}

/** A request with generous limits. */
export function requestFor(url: string, options: Partial<FetchRequest> = {}): FetchRequest {
  return {
    url,
    headers: {},
    limits: { timeoutMs: 10_000, maxBodyBytes: 1_000_000, redirects: 5 },
    network: { allowPrivate: true, allow: [] },
    ...options,
  };
}

export function limits(over: Partial<FetchRequest['limits']>): FetchRequest['limits'] {
  return { timeoutMs: 10_000, maxBodyBytes: 1_000_000, redirects: 5, ...over };
}

export const TRANSPORTS = ['got', 'native'] as const;
