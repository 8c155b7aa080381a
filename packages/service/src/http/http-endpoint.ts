import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Socket } from 'node:net';
import { closeServer } from './close-server.ts';
import { listen } from './listen.ts';
import { toError } from '@fetchfleet/crawl';

export type Health =
  | { readonly status: 'ok' }
  | { readonly status: 'fail'; readonly reason: string };

export interface HttpEndpointOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Use `0.0.0.0` in a container. @default '127.0.0.1' */
  readonly host?: string;
  /** The setting of the port, for the error if it cannot be used. @default none */
  readonly setting?: string;
  /** The page `/metrics`. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** `/healthz`: a supervisor restarts the process after a `fail`. */
  health(): Health | Promise<Health>;
  /** `/readyz`: the process cannot take work while this is a `fail`. */
  ready(): Health | Promise<Health>;
}

/**
 * A monitor has one connection or two. Of more than these the oldest is closed, so neither
 * half-open requests of others nor idle connections keep a monitor out or take the descriptors of
 * fetches.
 */
const MAX_CONNECTIONS = 16;
/** The process has descriptors for as many at once. */
const MAX_ACCEPTED = 32;
const TIMEOUTS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
};

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly allow?: string;
}

/** Serves `/metrics`, `/healthz` and `/readyz` to a monitor. */
export class HttpEndpoint {
  readonly #options: HttpEndpointOptions;
  readonly #host: string;
  #server: Server | undefined;
  #listening: Promise<number> | undefined;

  constructor(options: HttpEndpointOptions) {
    this.#options = options;
    this.#host = options.host ?? '127.0.0.1';
  }

  /**
   * Listens. Starting twice is fine.
   *
   * @returns the port
   * @throws SettingsError where the address cannot be used
   */
  start(): Promise<number> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  /**
   * Closes the server; open requests have 1 s to be answered. Stopping twice, or before the start,
   * is fine.
   */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) {
      return;
    }
    this.#server = undefined;
    this.#listening = undefined;
    await closeServer(server);
  }

  async #listen(): Promise<number> {
    const { port, setting } = this.#options;
    const server = createServer(TIMEOUTS, (request, response) => {
      void this.#serve(request, response);
    });
    server.maxConnections = MAX_ACCEPTED;
    closeOldest(server);
    this.#server = server;
    try {
      return await listen(server, { port, host: this.#host, setting });
    } catch (error) {
      this.#server = undefined;
      this.#listening = undefined;
      throw error;
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request);
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
      ...(answer.allow === undefined ? {} : { allow: answer.allow }),
    });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = (request.url ?? '/').split('?', 1)[0];
    const respond = this.#routeOf(path);
    if (respond === undefined) {
      return json(404, { error: 'not found', paths: ['/metrics', '/healthz', '/readyz'] });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...json(405, { error: 'method not allowed' }), allow: 'GET, HEAD' };
    }
    try {
      return await respond();
    } catch (error) {
      return json(503, { status: 'fail', reason: toError(error).message });
    }
  }

  #routeOf(path: string | undefined): (() => Promise<Answer>) | undefined {
    if (path === '/metrics') {
      return async () => ({ status: 200, ...(await this.#options.metrics()) });
    }
    if (path === '/healthz') {
      return async () => healthAnswer(await this.#options.health());
    }
    if (path === '/readyz') {
      return async () => healthAnswer(await this.#options.ready());
    }
    return undefined;
  }
}

/** Keeps the youngest connections open. */
function closeOldest(server: Server): void {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size > MAX_CONNECTIONS) {
      const [oldest] = open;
      oldest?.destroy();
    }
  });
}

function healthAnswer(health: Health): Answer {
  return json(health.status === 'ok' ? 200 : 503, health);
}

function json(status: number, value: object): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}
