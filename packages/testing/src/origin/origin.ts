import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type Arrival, arrivalOf } from './arrival.ts';
import { answerByQuery, waitWhileOpen } from './origin-dials.ts';
import { track } from '../resources/registry.ts';

export interface CannedResponse {
  /** @default 200 */
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  /** @default empty */
  readonly body?: string | Uint8Array;
  /** Milliseconds before the first byte. @default 0 */
  readonly delayMs?: number;
}

export type RouteHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => void | Promise<void>;

export interface OriginOptions {
  /** @default a free one */
  readonly port?: number;
  /** Milliseconds before every answer of the built-in paths. @default 0 */
  readonly delayMs?: number;
}

/**
 * A real HTTP server on 127.0.0.1 that records its requests and misbehaves on demand: by `respond`,
 * or by the query of any other URL (see `origin-dials.ts`).
 */
export interface Origin {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly arrivals: readonly Arrival[];
  /** Requests without a complete answer. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Arrivals of one path, with any query. */
  arrivalsOf(path: string): readonly Arrival[];
  /** Answers a path, a path with query, or URLs that match a pattern. The latest route wins. */
  respond(route: string | RegExp, answer: RouteHandler | CannedResponse): void;
  /** Forgets the arrivals and resets `maxInFlight`; routes stay. */
  forget(): void;
  /** Closes it and destroys its connections. May be called twice. */
  stop(): Promise<void>;
}

/** Starts an origin. `/robots.txt` is 404 until a route says otherwise. */
export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const origin = new TestOrigin(options.delayMs ?? 0);
  await origin.listen(options.port ?? 0);
  return origin;
}

interface Route {
  readonly matches: (url: string, path: string) => boolean;
  readonly handle: RouteHandler;
}

class TestOrigin implements Origin {
  readonly #server: Server;
  readonly #delayMs: number;
  readonly #routes: Route[] = [];
  readonly #timesByUrl = new Map<string, number>();
  #arrivals: Arrival[] = [];
  #port = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  #connections = 0;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.#receive(request, response);
    });
    this.#server.on('connection', () => {
      this.#connections += 1;
    });
    this.respond('/robots.txt', { status: 404 });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get port(): number {
    return this.#port;
  }
  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  get maxInFlight(): number {
    return this.#maxInFlight;
  }
  get connections(): number {
    return this.#connections;
  }

  arrivalsOf(path: string): readonly Arrival[] {
    return this.#arrivals.filter((arrival) => arrival.path === path);
  }

  respond(route: string | RegExp, answer: RouteHandler | CannedResponse): void {
    this.#routes.unshift({
      matches:
        typeof route === 'string'
          ? (url, path) => route === url || route === path
          : (url) => url.search(route) !== -1,
      handle:
        typeof answer === 'function' ? answer : async (_, response) => sendCanned(response, answer),
    });
  }

  forget(): void {
    this.#arrivals = [];
    this.#maxInFlight = this.#inFlight;
    this.#timesByUrl.clear();
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('the server has no port');
    }
    this.#port = address.port;
    track({
      what: `origin ${this.url}`,
      isOpen: () => this.#server.listening,
      close: async () => this.stop(),
    });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) {
      return;
    }
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const arrival = arrivalOf(request);
    this.#arrivals.push(arrival);
    this.#inFlight += 1;
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight);
    response.once('close', () => {
      this.#inFlight -= 1;
    });
    response.on('error', () => undefined); // The client may close the connection.
    void this.#answer(arrival, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #answer(
    arrival: Arrival,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { url, path } = arrival;
    const times = (this.#timesByUrl.get(url) ?? 0) + 1;
    this.#timesByUrl.set(url, times);
    const route = this.#routes.find((candidate) => candidate.matches(url, path));
    if (route !== undefined) {
      return route.handle(request, response);
    }
    await answerByQuery(arrival, { response, times, delayMs: this.#delayMs });
  }
}

async function sendCanned(response: ServerResponse, canned: CannedResponse): Promise<void> {
  if (canned.delayMs !== undefined && !(await waitWhileOpen(response, canned.delayMs))) {
    return;
  }
  response.writeHead(canned.status ?? 200, canned.headers);
  response.end(canned.body);
}
